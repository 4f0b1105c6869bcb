// What is pasted is what is seen: characters that draw nothing, or change the
// order of what is drawn, are shown by a picture or their number.

const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/g;
const UNSEEN =
	/[\u0080-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** One line with nothing hidden in it. A tab stays one. */
export function visible(line: string): string {
	return line
		.replace(CONTROL, (c) => (c === "\u007f" ? "\u2421" : String.fromCodePoint(0x2400 + c.charCodeAt(0))))
		.replace(UNSEEN, (c) => `\u27e8${c.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}\u27e9`);
}
