// Programs ask the terminal questions (who are you, where is the cursor, what
// is this colour). Old output must get no answer: nobody waits for it any more,
// and the reply would be typed into whatever runs now.
import type { IDisposable, Terminal } from "@xterm/xterm";

const CSI_QUERIES = [
	{ final: "c" },
	{ prefix: ">", final: "c" },
	{ prefix: "=", final: "c" },
	{ final: "n" },
	{ prefix: "?", final: "n" },
	{ intermediates: "$", final: "p" },
	{ prefix: "?", intermediates: "$", final: "p" },
	{ prefix: ">", final: "q" },
	{ prefix: "?", final: "u" },
	{ final: "t" },
];
/** Asked to report the focus, the terminal tells at once how it is now. */
const FOCUS_REPORTS = 1004;
const FOCUS = new Set(["\x1b[I", "\x1b[O"]);
const COLOUR_QUERIES = [4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 52];

/**
 * Lets the terminal answer queries only while mayAnswer says so, and passes on
 * what is typed and what is answered.
 */
export function gateQueries(
	term: Terminal,
	mayAnswer: () => boolean,
	typed: (text: string) => void,
): IDisposable[] {
	const swallow = () => !mayAnswer();
	// The mode has to be set, but the report it brings is the answer to old output.
	let mute = false;
	const reportsFocus = (params: (number | number[])[]) => {
		if (mayAnswer() || !params.includes(FOCUS_REPORTS)) return false;
		mute = true;
		queueMicrotask(() => {
			mute = false;
		});
		return false;
	};
	return [
		term.onData((text) => {
			if (!mute || !FOCUS.has(text)) typed(text);
		}),
		term.parser.registerCsiHandler({ prefix: "?", final: "h" }, reportsFocus),
		...CSI_QUERIES.map((id) => term.parser.registerCsiHandler(id, swallow)),
		term.parser.registerDcsHandler({ intermediates: "$", final: "q" }, swallow),
		term.parser.registerDcsHandler({ intermediates: "+", final: "q" }, swallow),
		term.parser.registerEscHandler({ final: "Z" }, swallow),
		...COLOUR_QUERIES.map((code) =>
			term.parser.registerOscHandler(code, (data) => data.includes("?") && !mayAnswer()),
		),
		// The clipboard is neither read nor written by a program.
		term.parser.registerOscHandler(52, () => true),
	];
}
