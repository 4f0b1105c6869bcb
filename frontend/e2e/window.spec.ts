// The real window on a display of its own: keys from outside reach a program,
// and what it prints is read back from the record, not from the page.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BIN, PATIENCE, Studio, until } from "./studio";

const PICTURES = resolve(import.meta.dirname, "../test-results");
/** A picture of a blank window compresses to less than this. */
const BLANK = 8_000;

/** Starts an X server on a free display and tells its name. */
function startDisplay(size: string): Promise<{ server: ChildProcess; display: string }> {
	const server = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", `${size}x24`, "-nolisten", "tcp"]);
	return new Promise((found, failed) => {
		server.stdout.on("data", (said: Buffer) => found({ server, display: `:${said.toString().trim()}` }));
		server.on("error", failed);
		server.on("exit", (status) => failed(new Error(`Xvfb ended with ${status}`)));
	});
}

class Window {
	private constructor(
		readonly process: ChildProcess,
		private readonly server: ChildProcess,
		private readonly env: NodeJS.ProcessEnv,
	) {}

	static async open(
		home: string,
		theme: string,
		size = "1280x800",
		more: NodeJS.ProcessEnv = {},
	): Promise<Window> {
		const { server, display } = await startDisplay(size);
		const env = { ...process.env, DISPLAY: display, GTK_THEME: theme, ...more };
		const shown = spawn(join(BIN, "atelier-window"), ["--home", home], { env, stdio: "ignore" });
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

	async close(): Promise<void> {
		const gone = new Promise((done) => this.process.on("exit", done));
		this.process.kill("SIGTERM");
		await gone;
		this.server.kill("SIGTERM");
	}
}

describe("the window", () => {
	const studio = new Studio();
	let window: Window;
	let program = "";
	beforeAll(async () => {
		window = await Window.open(studio.home, "Adwaita:dark");
		const list = () => studio.executions().filter((e) => e.state === "running");
		const running = await until("the first terminal", list, (all) => all.length === 1);
		program = running[0]?.name ?? "";
	});
	afterAll(async () => {
		await window.close();
		await studio.close();
	});

	/** Waits until somebody has the keyboard, or until nobody has. */
	const driven = (wanted: boolean) =>
		until(
			wanted ? "the window has the keyboard" : "nobody has the keyboard",
			() => studio.executions().find((e) => e.name === program)?.driver ?? null,
			(driver) => (driver !== null) === wanted,
		);

	const recorded = (text: string) =>
		until(
			`the record has ${text}`,
			() => studio.transcript(program),
			(t) => t.includes(text),
		);

	test("keys reach the shell without a click", async () => {
		await driven(true);
		// The answer is computed by the shell: a page that only shows keys has no 42.
		window.type("echo typed-$((40+2))");
		window.key("Return");
		await recorded("typed-42");
		expect(studio.transcript(program)).not.toContain("not found");
		expect(window.picture("window-dark")).toBeGreaterThan(BLANK);
	});

	test("Ctrl-K, Ctrl-B, Esc and Alt-b reach the program", async () => {
		window.type("cat -v; true");
		window.key("Return", "ctrl+k", "ctrl+b", "Escape", "alt+b", "e", "Return");
		await recorded("^K^B^[^[be");
		window.key("ctrl+c");
	});

	test("closing it ends nothing; opened again it goes on where it was", async () => {
		await window.close();
		expect(studio.executions().find((e) => e.name === program)?.state).toBe("running");
		await driven(false);
		window = await Window.open(studio.home, "Adwaita");
		await driven(true);
		window.type("echo again-$((40+3))");
		window.key("Return");
		await recorded("again-43");
		expect(window.picture("window-light")).toBeGreaterThan(BLANK);
	});

	test.each(["Adwaita:dark", "Adwaita"])("at double size, %s", async (theme) => {
		const large = await Window.open(studio.home, theme, "2560x1600", { GDK_SCALE: "2" });
		const name = `window-200-${theme === "Adwaita" ? "light" : "dark"}`;
		await until(
			"a picture with something on it",
			() => large.picture(name),
			(bytes) => bytes > BLANK * 4,
		);
		await large.close();
	});
});

test("without a display it says what to do instead", () => {
	const env = { ...process.env, DISPLAY: "", WAYLAND_DISPLAY: "" };
	const ran = spawnSync(join(BIN, "atelier-window"), [], { env, encoding: "utf8", timeout: PATIENCE });
	expect(ran.status).not.toBe(0);
	expect(ran.stderr).toContain("atelier serve");
});
