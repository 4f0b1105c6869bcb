// One pane under what a day brings: hostile output, reloads, a lost network,
// resizes, floods, and characters that few fonts have.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { driving, PATIENCE, Studio, screenText, until } from "./studio";
import { Wire } from "./wire";

const studio = new Studio();
let page: Page;
beforeAll(async () => {
	studio.run("run", "--detach", "--name", "shell", "--", "sh", "-i");
	page = await studio.page(await studio.serve());
	await driving(page);
});
afterAll(() => studio.close());

const types = async (text: string, on = page) => {
	await on.keyboard.type(text);
	await on.keyboard.press("Enter");
};
const shows = (text: string, on = page) =>
	until(
		`the screen shows ${text}`,
		() => screenText(on),
		(s) => s.includes(text),
	);
const recorded = (name: string, text: string) =>
	until(
		`the record of ${name} has ${text}`,
		() => studio.transcript(name),
		(t) => t.includes(text),
	);

describe("T1: hostile output", () => {
	const QUESTIONS =
		"\x1b[c\x1b[>c\x1b[>q\x1b[5n\x1b[6n\x1b[?6n\x1b[?2004$p\x1b[21t\x1b[18t\x1bP$qm\x1b\\\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]4;1;?\x07\x1b[?1004h";
	const HOSTILE = `${QUESTIONS}\x1b]52;c;aGFybQ==\x07\x1b]52;c;?\x07\x1b]0;${"t".repeat(1 << 20)}\x07\x1bP${"d".repeat(1 << 16)}\x1b\\`;
	const hostile = join(studio.home, "hostile");
	const QUIET = "stty -echo -icanon min 1";

	/** A page that notes every touch of the clipboard, though it would be allowed. */
	const watched = async () => {
		const watching = await studio.page(new URL("/", await studio.serve()).href, {
			permissions: ["clipboard-read", "clipboard-write"],
		});
		await watching.addInitScript(() => {
			const touched: string[] = [];
			Object.assign(window, { touched });
			for (const name of ["read", "readText", "write", "writeText"] as const) {
				Object.defineProperty(navigator.clipboard, name, { value: async () => touched.push(name) });
			}
			document.execCommand = (name: string) => touched.push(name) > 0;
		});
		await watching.goto(await studio.serve());
		await driving(watching);
		return watching;
	};
	const touched = (on: Page) => on.evaluate(() => (window as unknown as { touched: string[] }).touched);

	test("shown again, it gets no byte and no clipboard", async () => {
		writeFileSync(hostile, HOSTILE);
		studio.run(
			"run",
			"-d",
			"--name",
			"old",
			"--",
			"sh",
			"-c",
			`${QUIET}; cat ${hostile}; printf ready; cat -v`,
		);
		await recorded("old", "ready");
		const again = await watched();
		await shows("ready", again);
		await again.keyboard.type("x");
		await shows("readyx", again);
		expect(studio.transcript("old")).toBe(`${HOSTILE}readyx`);
		expect(await touched(again)).toEqual([]);
		await again.context().close();
	});

	test("control: printed while somebody looks, it is answered", async () => {
		const wait = "dd bs=1 count=1 of=/dev/null 2>/dev/null";
		const program = `${QUIET}; ${wait}; cat ${hostile}; printf ready; cat -v`;
		studio.run("run", "-d", "--name", "new", "--", "sh", "-c", program);
		const live = await watched();
		await live.keyboard.type("g");
		await recorded("new", "^[[?1;2c");
		await recorded("new", "^[[I");
		expect(await touched(live)).toEqual([]);
		await live.context().close();
	});
});

test("loaded again, the page has the panes it had, and the keyboard", async () => {
	await page.locator(".side-open", { hasText: "shell" }).click();
	await driving(page);
	await types("echo before-$((40+2))");
	await shows("before-42");
	const tabs = () => page.locator(".tab-name").allInnerTexts();
	await page.locator(".side-open", { hasText: "old" }).click();
	await page.locator(".sidebar-page").click();
	await page.locator(".dv-tab", { hasText: "shell" }).click();
	const before = await tabs();
	expect(before.length).toBeGreaterThan(2);
	await page.reload();
	await driving(page);
	expect(await tabs()).toEqual(before);
	await shows("before-42");
	await types("echo loaded-$((40+2))");
	await shows("loaded-42");
});

test("cut off for a while, what is typed meanwhile arrives once, and the page comes back by itself", async () => {
	const wire = await Wire.lay(await studio.serve());
	studio.run("run", "--detach", "--name", "far", "--", "sh", "-i");
	const far = await studio.page(wire.address);
	await driving(far);
	await types("echo there-$((40+2))", far);
	await shows("there-42", far);
	wire.cut();
	await far.getByText("Not connected. The program goes on").waitFor({ timeout: PATIENCE });
	await far.locator(".chip", { hasText: "Offline" }).waitFor({ timeout: PATIENCE });
	await types("echo off-$((40+2))", far);
	await far.getByText("What you type is sent when it is back").waitFor({ timeout: PATIENCE });
	expect(studio.transcript("far")).not.toContain("off-42");
	studio.run("rename", "far", "further");
	wire.mend();
	await driving(far);
	await shows("off-42", far);
	await far.locator(".chip").waitFor({ state: "detached", timeout: PATIENCE });
	await far.locator(".side-row", { hasText: "further" }).waitFor({ timeout: PATIENCE });
	await types("echo on-$((40+2))", far);
	await shows("on-42", far);
	expect(studio.transcript("further").split("off-42").length).toBe(2);
	await far.context().close();
	wire.close();
});

test("the core killed, the page says so and comes back by itself", async () => {
	const before = JSON.parse(studio.run("core", "status", "--json")).pid;
	await types("echo alive-$((40+2))");
	await shows("alive-42");
	process.kill(before, "SIGKILL");
	await page.locator(".chip", { hasText: "Offline" }).waitFor({ timeout: PATIENCE });
	await page.locator(".chip").waitFor({ state: "detached", timeout: PATIENCE });
	await driving(page);
	await types("echo returned-$((40+2))");
	await shows("returned-42");
	expect(JSON.parse(studio.run("core", "status", "--json")).pid).not.toBe(before);
});

test("two pages of one person show one terminal alike, after a hundred resizes", async () => {
	const other = await page.context().newPage();
	await other.goto(page.url());
	await other.locator(".side-open", { hasText: "shell" }).click();
	await other.locator('[data-active="true"] .foot-watching').waitFor({ timeout: PATIENCE });
	await page.bringToFront();
	for (let i = 0; i < 100; i++) {
		await page.setViewportSize({ width: 700 + ((i * 97) % 700), height: 300 + ((i * 61) % 500) });
	}
	const rows = page.locator('[data-active="true"] .xterm-rows > div');
	await page.locator('[data-active="true"] .xterm-helper-textarea').focus();
	await types("clear; echo size $(stty size)");
	const size = await until(
		"the size that the program has",
		async () => /size (\d+) (\d+)\s/.exec(await screenText(page)),
		(found) => found !== null,
	);
	await until(
		"the pane's rows are the program's",
		() => rows.count(),
		(n) => n === Number(size?.[1]),
	);
	await until(
		"both show the same",
		async () => [(await screenText(page)).trim(), (await screenText(other)).trim()],
		([a, b]) => a === b && a !== "",
	);
	await other.close();
	await page.setViewportSize({ width: 1280, height: 800 });
});

test("two million lines are shown to their end, and the page stays at hand", async () => {
	await types("seq 1 2000000");
	// Each of these needs the page's own thread while the flood comes in.
	for (let i = 0; i < 3; i++) {
		await page.keyboard.press("Control+Shift+P");
		await page.locator("dialog").waitFor({ timeout: PATIENCE });
		await page.keyboard.press("Escape");
		await page.locator("dialog").waitFor({ state: "detached", timeout: PATIENCE });
	}
	await until(
		"the end of the count",
		async () => (await screenText(page)).trimEnd(),
		(s) => /1999999\s*\n2000000\s*\n\S*[$#]$/.test(s),
	);
	await types("echo still-$((40+2))");
	await shows("still-42");
});

describe("characters that few fonts have", () => {
	const RARE = ["─", "│", "╭", "╯", "┼", "█", "▒", "⣿", "⠋", "⏺", "⎿", "✻", "✔", "\ue0b0", "❯"];

	/** The fonts that draw an element, and whether each came with the page. */
	async function fontsOf(selector: string) {
		const cdp = await page.context().newCDPSession(page);
		await cdp.send("DOM.enable");
		await cdp.send("CSS.enable");
		const { root } = await cdp.send("DOM.getDocument");
		const { nodeId } = await cdp.send("DOM.querySelector", { nodeId: root.nodeId, selector });
		const { fonts } = await cdp.send("CSS.getPlatformFontsForNode", { nodeId });
		await cdp.detach();
		return fonts;
	}

	const draws = (text: string, family: string) =>
		page.evaluate(
			async ([t, f]) => {
				document.querySelector("#drawn")?.remove();
				const drawn = document.createElement("div");
				drawn.id = "drawn";
				drawn.textContent = t;
				drawn.style.cssText = `position:fixed;inset:0 auto auto 0;width:24px;height:24px;z-index:99;background:var(--bg);font:13px ${f}`;
				document.body.append(drawn);
				await document.fonts.ready;
			},
			[text, family] as const,
		);

	const pictured = async () =>
		(await page.screenshot({ clip: { x: 0, y: 0, width: 24, height: 24 } })).toString("base64");

	test.each(RARE)("%s is drawn by a font of the page, and is no box", async (glyph) => {
		await draws(glyph, "var(--font-mono)");
		const fonts = await until(
			"the fonts",
			() => fontsOf("#drawn"),
			(all) => all.length > 0 && all.every((f) => f.isCustomFont),
		);
		expect(fonts.map((f) => f.isCustomFont)).toEqual([true]);
		const picture = await pictured();
		for (const blank of ["\u{10ffff}", " "]) {
			await draws(blank, "var(--font-mono)");
			expect(await pictured()).not.toBe(picture);
		}
		await page.evaluate(() => document.querySelector("#drawn")?.remove());
	});

	test("control: without its font, ⎿ is not of the page", async () => {
		await draws("⎿", '"Cascadia Mono", "Noto Sans Symbols 2", "Pure Nerd Font", monospace');
		expect((await fontsOf("#drawn")).map((f) => f.isCustomFont)).toEqual([false]);
		await page.evaluate(() => document.querySelector("#drawn")?.remove());
	});

	test("in the pane, lines of boxes meet", async () => {
		await types("clear; printf '│\\n│\\n│\\n'");
		await shows("│\n│\n│");
		const gaps = await gapsIn(page);
		expect(gaps).toBe(0);
	});

	/** Rows of pixels without ink down the middle of three vertical lines. */
	async function gapsIn(on: Page): Promise<number> {
		const first = await on.locator('[data-active="true"] .xterm-rows > div').first().boundingBox();
		if (!first) throw new Error("no rows");
		const clip = { x: first.x, y: first.y, width: 8, height: first.height * 3 };
		const png = (await on.screenshot({ clip })).toString("base64");
		return on.evaluate(async (data) => {
			const image = new Image();
			image.src = `data:image/png;base64,${data}`;
			await image.decode();
			const canvas = document.createElement("canvas");
			canvas.width = image.width;
			canvas.height = image.height;
			const pen = canvas.getContext("2d");
			if (!pen) throw new Error("no canvas");
			pen.drawImage(image, 0, 0);
			const { data: px } = pen.getImageData(0, 0, image.width, image.height);
			const bright = Array.from({ length: image.height }, (_, y) =>
				Math.max(...Array.from({ length: image.width }, (_, x) => px[(y * image.width + x) * 4] ?? 0)),
			);
			const ink = Math.max(...bright) / 2;
			return bright.filter((b) => b < ink).length;
		}, png);
	}
});
