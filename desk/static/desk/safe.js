// What comes from users only ever becomes text, or an address that was looked at here.

const IMAGE_DATA = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*$/;

// What begins with neither is a name: `0001.jpg` is no address, whatever page shows it.
const ADDRESS = /^\s*(?:https?:|\/)/i;
// Pictures and recordings that this server has: files of image roots, and what stands in a task.
const OWN_MEDIA = /^\s*\/(?:data\/local-files|admin\/)/;

/**
 * The address as it may stand in `src` or `href`: http, https, or a path here that starts with `/`.
 * @param {unknown} text
 * @returns {string | null} null for others
 */
export function safeAddress(text) {
  if (typeof text !== "string" || !ADDRESS.test(text)) return null;
  try {
    const url = new URL(text, document.baseURI);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * The same for a picture or a recording; of paths here only those where this server has such.
 * @param {unknown} text
 * @returns {string | null} null for others, which nothing shall be asked for
 */
export function safeMedia(text) {
  const isPath = typeof text === "string" && /^\s*\/(?![\\/])/.test(text);
  return isPath && !OWN_MEDIA.test(text) ? null : safeAddress(text);
}

/**
 * The same for an image, which may also be a picture in a `data:` address; SVG is none.
 * @param {unknown} text
 * @returns {string | null} null for others
 */
export function safeImage(text) {
  return typeof text === "string" && IMAGE_DATA.test(text) ? text : safeMedia(text);
}

/**
 * The address of a small picture of an image, where this server makes one; else the image's own.
 * @param {unknown} text
 * @param {number} side pixels of the longest side: 160, 320, 640 or 1600
 * @returns {string | null} null as `safeImage`
 */
export function smallImage(text, side = 320) {
  const address = safeImage(text);
  const local = `${location.origin}/data/local-files`;
  const query = address?.startsWith(local) ? /^\/?\?(.*)/.exec(address.slice(local.length)) : null;
  return query ? `${local}/thumbnail?size=${side}&${query[1]}` : address;
}

/**
 * An element with attributes and children; strings become text. For constant attribute names.
 * @template {string} T
 * @param {T} tag
 * @param {Record<string, any>} attributes null, undefined and false leave one out, true is empty
 * @param {...(Node | string | null | undefined)} children null and undefined are left out
 * @returns {T extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[T] : HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * The same for SVG.
 * @param {string} tag
 * @param {Record<string, any>} attributes null, undefined and false leave one out, true is empty
 * @param {...(Node | string | null | undefined)} children null and undefined are left out
 * @returns {SVGElement}
 */
export function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * What the server wrote for this page with `json_script`.
 * @param {string} id of the script
 * @returns {any} null without
 */
export function pageData(id = "page-data") {
  const script = document.getElementById(id);
  return script === null ? null : JSON.parse(script.textContent);
}
