// A result that is corrected: its regions as they came, and what was changed of them. Pure: each
// function gives a new list. Regions that nobody touched are sent by their place, so that the server
// keeps them to the byte.

/**
 * @typedef {object} Item
 * @property {string} key told apart by it
 * @property {number | null} from its place in the stored result; null for a new one
 * @property {any} region as it is stored, or as it is new
 * @property {Record<string, any> | null} changed keys of its value with what they are now
 */

/**
 * A stored result.
 * @param {any[]} result
 * @returns {Item[]}
 */
export function itemsOf(result) {
  return result.map((region, from) => ({ key: `r${from}`, from, region, changed: null }));
}

/**
 * The value as it is now.
 * @param {Item} item
 * @returns {any}
 */
export function valueOf({ region, changed }) {
  const value = region?.value ?? {};
  return changed === null ? value : { ...value, ...changed };
}

const isSame = (one, two) => JSON.stringify(one) === JSON.stringify(two);

/**
 * The items with keys of one value changed; a key that is as it came is none.
 * @param {Item[]} items
 * @param {string} key
 * @param {Record<string, any>} values
 * @returns {Item[]} the same list where nothing changes
 */
export function withValues(items, key, values) {
  const item = items.find((one) => one.key === key);
  if (!item) return items;
  const before = item.region.value ?? {};
  const all = Object.entries({ ...item.changed, ...values });
  const kept = Object.fromEntries(all.filter(([name, value]) => !isSame(value, before[name])));
  const changed = Object.keys(kept).length > 0 ? kept : null;
  if (isSame(changed, item.changed)) return items;
  return items.map((one) => (one === item ? { ...item, changed } : one));
}

/**
 * The items without one, and without what shares its id: a label beside a bare shape, for instance.
 * @param {Item[]} items
 * @param {string} key
 * @returns {Item[]}
 */
export function without(items, key) {
  const gone = items.find((one) => one.key === key);
  const id = gone?.region?.id;
  return items.filter((one) => one !== gone && (id === undefined || one.region?.id !== id));
}

/**
 * The items with a new region at the end.
 * @param {Item[]} items
 * @param {any} region
 * @returns {Item[]}
 */
export function withNew(items, region) {
  return [...items, { key: `n${region.id}`, from: null, region, changed: null }];
}

// In full. The score is the model's, of what was there before.
function whole(item) {
  if (item.changed === null) return item.region;
  const { score: _, ...kept } = item.region;
  return { ...kept, value: valueOf(item) };
}

/**
 * What is sent to be stored.
 * @param {Item[]} items
 * @returns {any[]}
 */
export function entriesOf(items) {
  return items.map((item) => {
    if (item.from === null) return { region: whole(item) };
    return item.changed === null ? { from: item.from } : { from: item.from, value: item.changed };
  });
}

/**
 * The same without what is stored: every region in full. For results that are there no more.
 * @param {Item[]} items
 * @returns {any[]}
 */
export function wholeEntries(items) {
  return items.map((item) => ({ region: whole(item) }));
}

/**
 * An answer about the whole task: its region gets it, is made, or goes where there is none.
 * @param {Item[]} items
 * @param {{name: string, to: string[], type: string, key: string}} tool
 * @param {any} answer as the region's value has it; null, and an empty list, for none
 * @param {string} id of a new region
 * @returns {Item[]}
 */
export function withAnswer(items, tool, answer, id) {
  const item = items.find(({ region }) => region?.from_name === tool.name);
  if (answer === null || answer.length === 0) return item ? without(items, item.key) : items;
  if (item) return withValues(items, item.key, { [tool.key]: answer });
  const value = { [tool.key]: answer };
  return withNew(items, { id, from_name: tool.name, to_name: tool.to[0], type: tool.type, origin: "manual", value });
}

/**
 * What is answered now.
 * @param {Item[]} items
 * @param {{name: string, key: string}} tool
 * @returns {any} as the region's value has it; null for none
 */
export function answerOf(items, tool) {
  const item = items.find(({ region }) => region?.from_name === tool.name);
  return (item && valueOf(item)[tool.key]) ?? null;
}
