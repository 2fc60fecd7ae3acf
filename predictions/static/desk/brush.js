// Label Studio's brush masks: a bit stream of run lengths over RGBA, row by row. Source:
// https://github.com/thi-ng/umbrella/blob/develop/packages/rle-pack/src/index.ts

/** The largest mask that is decoded. */
export const MOST_PIXELS = 2 ** 25;

class Bits {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  read(count) {
    let value = 0;
    for (let left = count; left > 0; ) {
      const byte = this.bytes[this.at >> 3];
      if (byte === undefined) throw new RangeError("the mask ends early");
      const free = 8 - (this.at & 7);
      const taken = Math.min(free, left);
      const bits = (byte >> (free - taken)) & ((1 << taken) - 1);
      value = value * 2 ** taken + bits;
      this.at += taken;
      left -= taken;
    }
    return value;
  }
}

/**
 * Where a mask is.
 * @param {ArrayLike<number>} rle its bytes
 * @param {number} width in pixels
 * @param {number} height in pixels
 * @returns {Uint8Array} width * height, 1 where alpha > 0
 * @throws {RangeError} for a mask of another size, or none
 */
export function decodeBrush(rle, width, height) {
  const pixels = width * height;
  if (!(pixels > 0 && pixels <= MOST_PIXELS)) throw new RangeError("the mask is too large");
  const bits = new Bits(Uint8Array.from(rle));
  const values = bits.read(32);
  if (values !== 4 * pixels) throw new RangeError("the mask is of another size");
  const word = bits.read(5) + 1;
  const sizes = [0, 0, 0, 0].map(() => bits.read(4) + 1);
  const mask = new Uint8Array(pixels);
  for (let at = 0; at < values; ) {
    const isRepeated = bits.read(1) === 1;
    const end = at + bits.read(sizes[bits.read(2)]) + 1;
    if (end > values) throw new RangeError("the mask runs over");
    if (isRepeated) {
      // The alpha of pixel p is value 4p + 3.
      if (bits.read(word) > 0) mask.fill(1, at >> 2, end >> 2);
      at = end;
    } else {
      for (; at < end; at += 1) {
        if (bits.read(word) > 0 && (at & 3) === 3) mask[at >> 2] = 1;
      }
    }
  }
  return mask;
}

/**
 * A mask by its runs, outside and inside in turns, column by column as COCO has them.
 * @param {number[]} runs
 * @param {number} width in pixels
 * @param {number} height in pixels
 * @returns {Uint8Array} 1 inside, row by row
 */
export function decodeRuns(runs, width, height) {
  const mask = new Uint8Array(width * height);
  let at = 0;
  runs.forEach((length, turn) => {
    for (const end = at + length; at < end; at += 1) {
      if (turn % 2) mask[(at % height) * width + Math.floor(at / height)] = 1;
    }
  });
  return mask;
}

/**
 * A PNG of the mask in one colour.
 * @param {Uint8Array} mask
 * @param {number} width in pixels
 * @param {number} height in pixels
 * @param {number[]} color red, green, blue
 * @returns {string} a data address
 */
export function paintMask(mask, width, height, [red, green, blue]) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let pixel = 0; pixel < mask.length; pixel += 1) {
    if (mask[pixel]) image.data.set([red, green, blue, 255], 4 * pixel);
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL("image/png");
}
