// What became of an object or a detection, in words.

/**
 * What a verdict is called.
 * @type {Record<string, string>}
 */
export const WORDS = {
  tp: "right",
  fp: "false positive",
  fn: "missed",
  wrong_class: "wrong class",
  crowd: "crowd",
};
