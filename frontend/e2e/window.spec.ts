// The real window: keys from outside reach a program, and what it prints is
// read back from the record, not from the page.
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BIN, PATIENCE, Studio, until } from "./studio";
import { A_BLOCK, PAINT, Window } from "./window";

describe("the window", () => {
	const studio = new Studio();
	let window: Window;
	let program = "";
	beforeAll(async () => {
		window = await Window.open(studio.home);
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

	const painted = (on: Window) =>
		until(
			"the screen shows what the program paints",
			() => on.pixels(),
			(n) => n > A_BLOCK,
		);

	test("keys reach the shell without a click, and its colours reach the screen", async () => {
		await driven(true);
		expect(window.pixels()).toBe(0);
		// The answer is computed by the shell: a page that only shows keys has no 42.
		window.type(`clear; echo typed-$((40+2)); ${PAINT}`);
		window.key("Return");
		await recorded("typed-42");
		expect(studio.transcript(program)).not.toContain("not found");
		await painted(window);
		window.picture("window-dark");
	});

	test("control: typed into a window whose page is static, nothing reaches the shell", async () => {
		await window.close();
		await driven(false);
		const folder = mkdtempSync(join(tmpdir(), "a"));
		const still = await Window.open(studio.home, { program: await withoutScript(studio, folder) });
		await until(
			"the static page",
			() => still.pixels([1, 2, 3]),
			(n) => n > A_BLOCK,
		);
		still.type("echo typed-$((40+4))");
		still.key("Return");
		// What comes after it has arrived when this has.
		studio.run("send", program, "echo sent-$((40+5))", "--enter");
		await recorded("sent-45");
		expect(studio.transcript(program)).not.toContain("40+4");
		expect(studio.executions().find((e) => e.name === program)?.driver ?? null).toBeNull();
		await still.close();
		rmSync(folder, { recursive: true });
		window = await Window.open(studio.home, { theme: "Adwaita" });
		await driven(true);
	});

	test("Ctrl-K, Ctrl-B, Esc and Alt-b reach the program", async () => {
		window.type("cat -v; true");
		window.key("Return", "ctrl+k", "ctrl+b", "Escape", "alt+b", "e", "Return");
		await recorded("^K^B^[^[be");
		window.key("ctrl+c");
	});

	test("closed and opened again it goes on where it was", async () => {
		window.type("echo again-$((40+3))");
		window.key("Return");
		await recorded("again-43");
		await painted(window);
		window.picture("window-light");
	});

	test.each(["Adwaita:dark", "Adwaita"] as const)("at double size, %s", async (theme) => {
		const large = await Window.open(studio.home, { theme, size: "2560x1600", env: { GDK_SCALE: "2" } });
		// The block is four times as many pixels when each cell is twice as wide and high.
		await until(
			"the block at double size",
			() => large.pixels(),
			(n) => n > A_BLOCK * 4,
		);
		large.picture(`window-200-${theme === "Adwaita" ? "light" : "dark"}`);
		await large.close();
	});
});

describe("dead keys", () => {
	const studio = new Studio();
	let window: Window;
	beforeAll(async () => {
		studio.run("run", "--detach", "--name", "plain", "--", "sh", "-c", "stty -icanon -echo; cat");
		window = await Window.open(studio.home, { keyboard: "de" });
		// Keys that come before the page are lost, and accents before the input method is there.
		await until(
			"the first accent arrives",
			() => {
				window.key("dead_acute", "e");
				return studio.transcript("plain");
			},
			(t) => t.includes("é"),
		);
	});
	afterAll(async () => {
		await window.close();
		await studio.close();
	});

	test("after a space they type their letter once, and the space stays one", async () => {
		window.key("Return", "e", "c", "h", "o");
		window.key(...["e", "a", "o"].flatMap((letter) => ["space", "dead_acute", letter]), "exclam");
		const typed = await until(
			"the last key",
			() => studio.transcript("plain"),
			(t) => t.endsWith("!"),
		);
		expect(typed.split("\r\n").at(-1)).toBe("echo é á ó!");
	});
});

/**
 * Makes a copy of the window in a folder whose page has no script: its bytes
 * give way to one that only colours the ground. Returns the copy's path.
 */
async function withoutScript(studio: Studio, folder: string): Promise<string> {
	const address = new URL("/", await studio.serve());
	const html = await (await fetch(address)).text();
	const name = /src="(\/assets\/index-[^"]+\.js)"/.exec(html)?.[1] ?? "";
	const script = Buffer.from(await (await fetch(new URL(name, address))).arrayBuffer());
	const program = join(folder, "atelier-window");
	copyFileSync(join(BIN, "atelier-window"), program);
	const bytes = readFileSync(program);
	const at = bytes.indexOf(script);
	if (at < 0) throw new Error(`the window and the core were built with different pages: ${name}`);
	const still =
		'document.documentElement.style.background = "rgb(1, 2, 3)";document.body.style.background="none"';
	bytes.fill(" ", at, at + script.length);
	bytes.write(still, at);
	writeFileSync(program, bytes);
	chmodSync(program, 0o755);
	return program;
}

test("without a display it says what to do instead", () => {
	const env = { ...process.env, DISPLAY: "", WAYLAND_DISPLAY: "" };
	const ran = spawnSync(join(BIN, "atelier-window"), [], { env, encoding: "utf8", timeout: PATIENCE });
	expect(ran.status).not.toBe(0);
	expect(ran.stderr).toContain("atelier serve");
});
