// Passages of a text, from the place of their first character to that after their last. Characters
// are code points, as evaluations and Label Studio count them: of the units of a string an emoji has
// two. Pure.

const WORD = /[^\s.,;:!?()"]+/gu;

/**
 * @param {string} text
 * @returns {string[]} its characters
 */
export const charactersOf = (text) => Array.from(text);

/**
 * The text in pieces, cut where a passage begins or ends.
 * @param {ArrayLike<string>} text its characters
 * @param {Array<{start: number, end: number}>} passages
 * @returns {Array<{start: number, end: number, inside: number[]}>} `inside` are places of passages
 */
export function piecesOf(text, passages) {
  const cuts = new Set([0, text.length]);
  for (const { start, end } of passages) {
    for (const at of [start, end]) if (at > 0 && at < text.length) cuts.add(at);
  }
  const places = [...cuts].toSorted((one, two) => one - two);
  return places.slice(0, -1).map((start, n) => {
    const end = places[n + 1];
    const inside = passages.flatMap((one, at) => (one.start <= start && end <= one.end ? [at] : []));
    return { start, end, inside };
  });
}

/**
 * A passage as a region's value has it.
 * @param {string} text
 * @param {number} start
 * @param {number} end
 * @returns {{start: number, end: number, text: string}} at least one character, inside the text
 */
export function passageOf(text, start, end) {
  const characters = charactersOf(text);
  const from = Math.min(Math.max(0, start), Math.max(0, characters.length - 1));
  const to = Math.min(Math.max(end, from + 1), characters.length);
  return { start: from, end: to, text: characters.slice(from, to).join("") };
}

/**
 * The next word, for who marks without a pointer.
 * @param {string} text
 * @param {number} after a place
 * @returns {{start: number, end: number, text: string} | null} null for a text without words
 */
export function nextWord(text, after) {
  const units = charactersOf(text).slice(0, after).join("").length;
  const words = [...text.matchAll(WORD)];
  const word = words.find(({ index }) => index >= units) ?? words[0];
  if (!word) return null;
  const start = charactersOf(text.slice(0, word.index)).length;
  return passageOf(text, start, start + charactersOf(word[0]).length);
}

/**
 * What is left of a passage without the spaces around it.
 * @param {string} text
 * @param {number} start
 * @param {number} end
 * @returns {[number, number] | null} null where nothing else is in it
 */
export function trimmed(text, start, end) {
  const said = charactersOf(text).slice(start, end).join("");
  const left = said.length - said.trimStart().length;
  const right = charactersOf(said.trimEnd()).length;
  return left < right ? [start + left, start + right] : null;
}
