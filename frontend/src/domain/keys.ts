// Which keys belong to the studio. While a terminal has the keyboard only
// Ctrl+Shift+… (Cmd on macOS) and F6 do; every other key goes to the program.

/** The parts of a keyboard event that decide. */
export interface Key {
	key: string;
	ctrlKey: boolean;
	shiftKey: boolean;
	altKey: boolean;
	metaKey: boolean;
}

/** What a key asks the studio to do. */
export type KeyCommand =
	| "palette"
	| "copy"
	| "leave"
	| "next-region"
	| "previous-region"
	| "sidebar"
	| "details"
	| "rename";

/** Does the key belong to the studio even while a terminal has the keyboard? */
export function belongsToStudio(k: Key, mac = false): boolean {
	if (k.key === "F6") return true;
	if (mac && k.metaKey) return true;
	return k.ctrlKey && k.shiftKey && !k.altKey;
}

/**
 * The command of a key, or undefined when it is none. `entered`: a terminal has
 * the keyboard. `writing`: a text field has it, where letters are text.
 */
export function commandOf(k: Key, entered: boolean, writing: boolean, mac = false): KeyCommand | undefined {
	if (k.key === "F6") return k.shiftKey ? "previous-region" : "next-region";
	if (belongsToStudio(k, mac)) return shifted(k);
	if (entered) return undefined;
	if (k.altKey && k.key === "Enter") return "details";
	if (k.ctrlKey && !k.altKey && !k.shiftKey) return controlled(k);
	if (writing || k.ctrlKey || k.altKey || k.metaKey) return undefined;
	if (k.key === "F2") return "rename";
	return k.key === "i" || k.key === "I" ? "details" : undefined;
}

/** The key that is told for each command that has one. */
const KEYS = {
	palette: "Ctrl+Shift+P",
	leave: "Ctrl+Shift+Esc",
	"next-region": "F6",
	sidebar: "Ctrl+B",
	details: "Alt+Enter",
	rename: "F2",
} satisfies Partial<Record<KeyCommand, string>>;

/** The key to tell for a command: only one that does it where the keyboard is now. */
export function toldKey(command: keyof typeof KEYS, entered: boolean): string | undefined {
	return commandOf(keyOf(KEYS[command]), entered, false) === command ? KEYS[command] : undefined;
}

// "Ctrl+Shift+Esc" as the event that it makes.
function keyOf(told: string): Key {
	const parts = told.split("+");
	const last = parts.at(-1) ?? "";
	const shiftKey = parts.includes("Shift");
	return {
		key: last === "Esc" ? "Escape" : last.length > 1 || shiftKey ? last : last.toLowerCase(),
		ctrlKey: parts.includes("Ctrl"),
		shiftKey,
		altKey: parts.includes("Alt"),
		metaKey: false,
	};
}

function shifted(k: Key): KeyCommand | undefined {
	switch (k.key.toLowerCase()) {
		case "p":
			return "palette";
		case "c":
			return "copy";
		case "escape":
			return "leave";
		default:
			return undefined;
	}
}

function controlled(k: Key): KeyCommand | undefined {
	if (k.key === "k") return "palette";
	return k.key === "b" ? "sidebar" : undefined;
}
