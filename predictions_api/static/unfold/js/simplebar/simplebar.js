// In place of the theme's own scrollbars: a browser's are what people and their aids know. The theme
// asks for the element that scrolls, to bring the current page's entry into sight.
window.SimpleBar = { instances: { get: (element) => ({ getScrollElement: () => element }) } };
