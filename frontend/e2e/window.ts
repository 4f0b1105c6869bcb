// The real window on a display of its own: keys from outside, and what is seen.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { BIN, PATIENCE, until } from "./studio";

const PICTURES = resolve(import.meta.dirname, "../test-results");
/** Bytes of a screen of 2560 × 1600, three to a pixel. */
const SCREEN_BYTES = 2560 * 1600 * 3 + 1024;

/** A colour that neither theme has: what shows it was painted by a program. */
export const FOREIGN = { rgb: [250, 0, 250], escape: "48;2;250;0;250" } as const;
/** Prints a block of the foreign colour, for a shell. */
export const PAINT = `printf '\\e[${FOREIGN.escape}m%400s\\e[0m\\n'`;
/** Fewer pixels than this is an edge or a cursor, more is a block of 400 cells. */
export const A_BLOCK = 20_000;

/** Starts an X server on a free display and tells its name. */
function startDisplay(size: string): Promise<{ server: ChildProcess; display: string }> {
	const server = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", `${size}x24`, "-nolisten", "tcp"]);
	return new Promise((found, failed) => {
		server.stdout.on("data", (said: Buffer) => found({ server, display: `:${said.toString().trim()}` }));
		server.on("error", failed);
		server.on("exit", (status) => failed(new Error(`Xvfb ended with ${status}`)));
	});
}

function layKeyboard(layout: string, env: NodeJS.ProcessEnv): void {
	const laid = spawnSync("setxkbmap", [layout], { env, encoding: "utf8", timeout: PATIENCE });
	if (laid.status !== 0) throw new Error(`setxkbmap ${layout}: ${laid.stderr}`);
}

export interface WindowOptions {
	theme?: "Adwaita" | "Adwaita:dark";
	size?: string;
	env?: NodeJS.ProcessEnv;
	/** The keyboard's layout, as setxkbmap names it. */
	keyboard?: string;
	/** The program, when it is not the one that was built. */
	program?: string;
}

export class Window {
	private constructor(
		readonly process: ChildProcess,
		private readonly server: ChildProcess,
		private readonly env: NodeJS.ProcessEnv,
	) {}

	static async open(home: string, options: WindowOptions = {}): Promise<Window> {
		const { theme = "Adwaita:dark", size = "1280x800", program = join(BIN, "atelier-window") } = options;
		const { server, display } = await startDisplay(size);
		const env = { ...process.env, DISPLAY: display, GTK_THEME: theme, ...options.env };
		if (options.keyboard) layKeyboard(options.keyboard, env);
		const shown = spawn(program, ["--home", home], { env, stdio: "ignore" });
		const window = new Window(shown, server, env);
		await until(
			"the window is there",
			() => window.xdotool("search", "--name", "^Atelier$"),
			(ids) => ids !== "",
		);
		return window;
	}

	xdotool(...args: string[]): string {
		return spawnSync("xdotool", args, { env: this.env, encoding: "utf8", timeout: PATIENCE }).stdout.trim();
	}

	type(text: string): void {
		this.xdotool("type", "--delay", "30", text);
	}

	key(...keys: string[]): void {
		this.xdotool("key", "--delay", "60", ...keys);
	}

	/** Takes a picture and returns its size in bytes. */
	picture(name: string): number {
		mkdirSync(PICTURES, { recursive: true });
		const file = join(PICTURES, `${name}.png`);
		const taken = spawnSync("import", ["-window", "root", file], { env: this.env, encoding: "utf8" });
		if (taken.status !== 0) throw new Error(`import: ${taken.stderr}`);
		return statSync(file).size;
	}

	/** How many pixels on the screen have a colour. */
	pixels([r, g, b]: readonly [number, number, number] = FOREIGN.rgb): number {
		const taken = spawnSync("import", ["-window", "root", "-depth", "8", "rgb:-"], {
			env: this.env,
			maxBuffer: SCREEN_BYTES,
		});
		if (taken.status !== 0) throw new Error(`import: ${taken.stderr}`);
		const seen = taken.stdout;
		let count = 0;
		for (let at = 0; at < seen.length; at += 3) {
			if (seen[at] === r && seen[at + 1] === g && seen[at + 2] === b) count++;
		}
		return count;
	}

	async close(): Promise<void> {
		const gone = new Promise((done) => this.process.on("exit", done));
		this.process.kill("SIGTERM");
		await gone;
		this.server.kill("SIGTERM");
	}
}
