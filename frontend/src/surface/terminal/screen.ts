// One terminal screen over xterm.js, behind our own words. It draws bytes,
// tells what is typed, and knows nothing of cores or carriers.
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { Terminal } from "@xterm/xterm";
import { belongsToStudio } from "../../domain/keys";
import { FONT_SIZE, terminalFonts } from "./fonts";
import { readPalette } from "./palette";
import { gateQueries } from "./queries";

/** Lines that a person can scroll back in the pane; all of it is in the transcript. */
export const SCROLLBACK = 10_000;
/** Smaller than this no program can draw; the pane is then being opened or closed. */
const LEAST = { cols: 2, rows: 1 };

export interface ScreenEvents {
	/** Bytes for the program: keys, pasted text, answers to its questions. */
	typed(bytes: Uint8Array): void;
	/** A key was pressed or text pasted for the program, whether or not it gets it. */
	pressed(): void;
	/** The pane has room for this many cells. */
	fits(cols: number, rows: number): void;
	/** A paste of several lines that the program would run line by line. */
	riskyPaste(text: string): void;
	/** A link inside the output was clicked. */
	link(uri: string): void;
	entered(yes: boolean): void;
}

const utf8 = new TextEncoder();

/** Makes a screen inside a host element once the fonts are there. */
export async function openScreen(host: HTMLElement, events: ScreenEvents): Promise<Screen> {
	await terminalFonts();
	return new Screen(host, events);
}

export class Screen {
	private readonly term: Terminal;
	private readonly fit = new FitAddon();
	private readonly watcher: ResizeObserver;
	private old = true;
	private driving = false;

	constructor(
		private readonly host: HTMLElement,
		private readonly events: ScreenEvents,
	) {
		this.term = new Terminal({
			allowProposedApi: true, // the width tables of Unicode 11
			fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--font-mono"),
			fontSize: FONT_SIZE,
			lineHeight: 1, // of the font's own height, or lines that are drawn with characters break
			fontWeight: "300",
			fontWeightBold: "600",
			drawBoldTextInBrightColors: false,
			minimumContrastRatio: 3,
			cursorBlink: false,
			cursorStyle: "block",
			cursorInactiveStyle: "outline",
			scrollback: SCROLLBACK,
			rescaleOverlappingGlyphs: true,
			theme: readPalette(),
			linkHandler: { activate: (_, uri) => events.link(uri), allowNonHttpProtocols: false },
		});
		this.term.loadAddon(this.fit);
		this.term.loadAddon(new Unicode11Addon());
		this.term.unicode.activeVersion = "11";
		const mayAnswer = () => this.driving && !this.old;
		gateQueries(this.term, mayAnswer, (text) => events.typed(utf8.encode(text)));
		this.term.onBinary((text) => events.typed(Uint8Array.from(text, (c) => c.charCodeAt(0))));
		this.term.onKey(() => events.pressed());
		this.term.attachCustomKeyEventHandler((e) => !belongsToStudio(e));
		this.term.open(host);
		this.term.textarea?.addEventListener("focus", () => events.entered(true));
		this.term.textarea?.addEventListener("blur", () => events.entered(false));
		host.addEventListener("paste", (e) => this.pasted(e), { capture: true });
		this.watcher = new ResizeObserver(() => this.measure());
		this.watcher.observe(host);
	}

	/** Draws output. Old output is drawn and gets no answers. */
	write(bytes: Uint8Array, old: boolean, drawn: () => void): void {
		// The parser works later than this call: the flag changes in its own order.
		this.term.write("", () => {
			this.old = old;
		});
		this.term.write(bytes, drawn);
	}

	/** Who drives may answer queries, and only the driver's pane asks for a size. */
	setDriving(driving: boolean): void {
		this.driving = driving;
		this.term.options.cursorInactiveStyle = driving ? "outline" : "none";
		if (driving) this.measure();
	}

	resize(cols: number, rows: number): void {
		if (cols >= LEAST.cols && rows >= LEAST.rows) this.term.resize(cols, rows);
	}

	/** Output goes on elsewhere: the screen begins anew. */
	restart(): void {
		this.term.write("\x1bc");
	}

	/** The program is over: there is no cursor any more. */
	end(): void {
		this.term.write("\x1b[?25l");
	}

	paste(text: string): void {
		this.term.paste(text);
	}

	selection(): string {
		return this.term.getSelection();
	}

	focus(): void {
		this.term.focus();
	}

	/** Does the program here have the keyboard? */
	get entered(): boolean {
		return document.activeElement === this.term.textarea;
	}

	recolour(): void {
		this.term.options.theme = readPalette();
	}

	/** Tells how many cells there is room for. */
	measure(): void {
		if (this.host.clientWidth === 0 || this.host.clientHeight === 0) return;
		const room = this.fit.proposeDimensions();
		if (room && room.cols >= LEAST.cols && room.rows >= LEAST.rows) this.events.fits(room.cols, room.rows);
	}

	dispose(): void {
		this.watcher.disconnect();
		this.term.dispose();
	}

	private pasted(e: ClipboardEvent): void {
		const text = e.clipboardData?.getData("text/plain") ?? "";
		if (text === "") return;
		e.preventDefault();
		e.stopPropagation();
		this.events.pressed();
		const lines = text.replace(/[\r\n]+$/, "").split(/\r\n|\r|\n/).length;
		const runsAtOnce = !this.term.modes.bracketedPasteMode && (lines > 1 || /[\r\n]$/.test(text));
		if (runsAtOnce) this.events.riskyPaste(text);
		else this.term.paste(text);
	}
}
