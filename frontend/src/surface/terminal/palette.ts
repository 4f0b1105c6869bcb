// The terminal's colours come from the tokens, so that there is one place for them.
import type { ITheme } from "@xterm/xterm";

const NAMES = [
	"black",
	"red",
	"green",
	"yellow",
	"blue",
	"magenta",
	"cyan",
	"white",
	"brightBlack",
	"brightRed",
	"brightGreen",
	"brightYellow",
	"brightBlue",
	"brightMagenta",
	"brightCyan",
	"brightWhite",
] as const;

/** Reads the palette of the theme that the page shows now. */
export function readPalette(): ITheme {
	const style = getComputedStyle(document.documentElement);
	const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
	const ansi = Object.fromEntries(NAMES.map((name, i) => [name, token(`ansi-${i}`)]));
	return {
		...ansi,
		background: token("term-ground"),
		foreground: token("text"),
		cursor: token("accent"),
		cursorAccent: token("term-ground"),
		selectionBackground: token("text-selection"),
		selectionInactiveBackground: token("text-selection"),
		scrollbarSliderBackground: `${token("control-line")}66`,
		scrollbarSliderHoverBackground: `${token("control-line")}99`,
		scrollbarSliderActiveBackground: `${token("control-line")}cc`,
		overviewRulerBorder: token("term-ground"),
	};
}
