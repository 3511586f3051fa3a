// The few things that htmx and HTML cannot do by themselves. Each module looks after its own attributes.
import "./theme.js";
import "./csrf.js";
import "./toasts.js";
import "./menus.js";
import "./focus.js";
import "./combobox.js";
import "./shortcuts.js";
import "./palette.js";
import "./drafts.js";
import "./copy.js";
import "./clock.js";
import "./panes.js";
import "./leaving.js";
