// Draws every figure in the reader's colours, again when these change, and sorts tables by a click on a column's title.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)").matches;

  // Only values under a key that names a colour are exchanged; a user's text never is.
  const paint = (value, coloured) => {
    if (Array.isArray(value)) return value.map((entry) => paint(entry, coloured));
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, paint(entry, /color/i.test(key))]));
    }
    return coloured && dark.matches && Object.hasOwn(DARK, value) ? DARK[value] : value;
  };

  const config = {
    responsive: true, displaylogo: false, displayModeBar: false, doubleClick: "reset+autosize", showTips: false,
  };
  const draw = () => {
    for (const source of document.querySelectorAll("script[data-drawing]")) {
      const { data, layout } = paint(JSON.parse(source.textContent), false);
      // On a touch screen a drag scrolls the page.
      if (touch) layout.dragmode = false;
      Plotly.react(document.getElementById(source.dataset.drawing), data, layout, config);
    }
  };
  draw();
  dark.addEventListener("change", draw);

  const sort = (title) => {
    const body = title.closest("table").tBodies[0];
    const column = title.cellIndex;
    const up = title.getAttribute("aria-sort") !== "ascending";
    for (const other of title.parentNode.cells) other.removeAttribute("aria-sort");
    title.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => row.cells[column].dataset.value;
    const order = (a, b) => {
      if (key(a) === undefined || key(b) === undefined) {
        return key(a) === key(b)
          ? a.cells[column].textContent.localeCompare(b.cells[column].textContent) * (up ? 1 : -1)
          : key(a) === undefined ? 1 : -1;
      }
      return (Number(key(a)) - Number(key(b))) * (up ? 1 : -1);
    };
    body.append(...[...body.rows].sort(order));
  };
  for (const title of document.querySelectorAll(".sortable th")) {
    title.tabIndex = 0;
    title.addEventListener("click", () => sort(title));
    title.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sort(title);
      }
    });
  }
})();
