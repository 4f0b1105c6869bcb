// The cell is measured once, so the fonts must be there before.
// Cascadia 300 and 600: its 400 is drawn nearly as heavy as its bold.
import "@fontsource/cascadia-mono/300.css";
import "@fontsource/cascadia-mono/600.css";
import "@fontsource/noto-sans-symbols-2/400.css";
import "@fontsource/noto-sans-symbols/400.css";
import "./fonts.css";

/** Letters, box drawing, blocks, braille: one of each subset that a screen is measured with. */
const SAMPLE = "Mg─│█▓⣿é";
export const FONT_SIZE = 13;

let loading: Promise<void> | undefined;

/** Resolves when the terminal's fonts can be drawn, or when the browser gave up on one. */
export function terminalFonts(): Promise<void> {
	loading ??= Promise.allSettled([
		document.fonts.load(`300 ${FONT_SIZE}px "Cascadia Mono"`, SAMPLE),
		document.fonts.load(`600 ${FONT_SIZE}px "Cascadia Mono"`, SAMPLE),
		document.fonts.load(`${FONT_SIZE}px "Noto Sans Symbols 2"`, "⏺✻✔"),
		document.fonts.load(`${FONT_SIZE}px "Noto Sans Symbols"`, "⎿"),
	]).then(() => undefined);
	return loading;
}
