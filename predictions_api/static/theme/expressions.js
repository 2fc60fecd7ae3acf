// The theme's templates hold a few expressions that Alpine's build for strict policies does not
// read: several statements, arrow functions, and names of the window. Before Alpine looks at the
// page they become calls of the functions below, which do the same.

const OPEN = "sidebarDesktopOpen";
const TAB = /activeTab:\s*'([^']*)'/;

function page(tab) {
  return {
    activeTab: tab,
    sidebarMobileOpen: false,
    sidebarDesktopOpen: localStorage.getItem(OPEN) !== "0",
    init() {
      this.activeTab = (tab && window.getCurrentTab()) || tab;
      this.$watch(OPEN, (value) => localStorage.setItem(OPEN, value ? "1" : "0"));
    },
    toggleSidebar() {
      this.sidebarDesktopOpen = !this.sidebarDesktopOpen;
    },
    addressOfForm() {
      const { pathname, search } = window.location;
      const tab = this.activeTab && this.activeTab !== "general" ? `#${this.activeTab}` : "";
      return pathname + search + tab;
    },
    clearOrLeaveSearch() {
      const input = this.$refs.searchInput;
      this.openSearchResults = false;
      if (input.value === "") input.blur();
      else input.value = "";
    },
  };
}

const REPLACED = [
  ["x-on:click", /^sidebarDesktopOpen = !sidebarDesktopOpen;/, "toggleSidebar()"],
  ["x-bind:action", /^activeTab && activeTab !== 'general' \?/, "addressOfForm()"],
  ["x-on:keydown.escape.prevent", /^openSearchResults = false; if/, "clearOrLeaveSearch()"],
  [
    "x-on:keydown.enter.prevent",
    /^if \(!\$event\.metaKey && !\$event\.ctrlKey\) selectItem\(/,
    "currentIndex === 0 || $event.metaKey || $event.ctrlKey || selectItem(false, false)",
  ],
];

document.addEventListener("alpine:init", () => {
  for (const name of ["theme", "searchForm", "searchDropdown", "searchCommand"]) {
    window.Alpine.data(name, window[name]);
  }
  window.Alpine.data("page", page);
  const { body } = document;
  const state = body.getAttribute("x-data") ?? "";
  body.setAttribute("x-data", `page('${TAB.exec(state)?.[1] ?? ""}')`);
  body.removeAttribute("x-init");
  for (const [attribute, known, call] of REPLACED) {
    for (const element of document.querySelectorAll(`[${CSS.escape(attribute)}]`)) {
      if (known.test(element.getAttribute(attribute))) element.setAttribute(attribute, call);
    }
  }
});
