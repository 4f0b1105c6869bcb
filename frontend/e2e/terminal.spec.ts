// Stories of one terminal in one or two browsers, against the real core.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { driving, PATIENCE, Studio, screenText, until } from "./studio";

const studio = new Studio();
let page: Page;

beforeAll(async () => {
	page = await studio.page(await studio.serve());
	await driving(page);
});
afterAll(() => studio.close());

const name = () => studio.executions().find((e) => e.state === "running")?.name ?? "";
const types = async (text: string) => {
	await page.keyboard.type(text);
	await page.keyboard.press("Enter");
};
const shows = (text: string | RegExp, on = page) =>
	until(
		`the screen shows ${text}`,
		() => screenText(on),
		(s) => (typeof text === "string" ? s.includes(text) : text.test(s)),
	);

describe("the first page", () => {
	test("opens on a live login shell, and the first key reaches it", async () => {
		await types("echo first-$((40+2))");
		await shows("first-42");
		await until(
			"the transcript",
			() => studio.transcript(name()),
			(t) => t.includes("first-42"),
		);
	});

	test("has no secret in its address", async () => {
		expect(new URL(page.url()).hash).toBe("");
	});
});

describe("keys", () => {
	test("Ctrl-K, Ctrl-B, Esc, Alt-b and Tab reach the program", async () => {
		await types("cat -v; echo back");
		await page.keyboard.press("Control+k");
		await page.keyboard.press("Control+b");
		await page.keyboard.press("Escape");
		await page.keyboard.press("Alt+b");
		await page.keyboard.type("end");
		await page.keyboard.press("Enter");
		await shows("^K^B^[^[bend");
		await page.keyboard.press("Control+c");
		await until(
			"the prompt is back",
			() => studio.transcript(name()),
			(t) => t.includes("^C"),
		);
	});

	test("Ctrl+Shift+P is the studio's, Esc gives the keyboard back", async () => {
		await page.keyboard.press("Control+Shift+P");
		await page.locator("dialog").waitFor();
		await page.keyboard.press("Escape");
		await page.locator("dialog").waitFor({ state: "detached" });
		await types("echo after-palette");
		await shows("after-palette");
	});
});

describe("keys that are told", () => {
	const told = async (open: string) => {
		await page.keyboard.press(open);
		await page.locator("dialog").waitFor();
		const keys = await page.locator("dialog kbd").allInnerTexts();
		await page.keyboard.press("Escape");
		await page.locator("dialog").waitFor({ state: "detached" });
		return keys;
	};
	const titles = () =>
		page.locator(".top .icon-button").evaluateAll((all) => all.map((e) => e.getAttribute("title")));

	test("while a terminal has the keyboard they are only those that the program does not get", async () => {
		expect(await told("Control+Shift+P")).toEqual(["Ctrl+Shift+Esc", "F6"]);
		expect(await titles()).toEqual(["Hide the sidebar", "Show Details"]);
		await types("printf is-$((40+2)); cat -v");
		const before = await until(
			"cat runs",
			() => studio.transcript(name()),
			(t) => t.endsWith("is-42"),
		);
		for (const key of ["F6", "Shift+F6", "Control+Shift+Escape"]) await page.keyboard.press(key);
		await page.locator('.side-open[aria-current="true"]:focus').waitFor();
		await page.locator('[data-active="true"] .xterm-helper-textarea').focus();
		await page.keyboard.type("x");
		const after = await until(
			"the next key",
			() => studio.transcript(name()),
			(t) => t.endsWith("x"),
		);
		expect(after).toBe(`${before}x`);
		await page.keyboard.press("Control+Shift+Escape");
		await page.locator('.side-open[aria-current="true"]:focus').waitFor();
	});

	test("once it is left, those of the studio too, and they hold", async () => {
		expect(await told("Control+k")).toEqual(["F2", "Alt+Enter", "Ctrl+B", "F6"]);
		expect(await titles()).toEqual(["Hide the sidebar (Ctrl+B)", "Show Details (Alt+Enter)"]);
		await page.keyboard.press("Control+b");
		await page.locator(".sidebar").waitFor({ state: "detached" });
		await page.keyboard.press("Control+b");
		await page.locator(".sidebar").waitFor();
		await page.keyboard.press("Alt+Enter");
		await page.locator(".details").waitFor();
		await page.keyboard.press("Alt+Enter");
		await page.locator(".details").waitFor({ state: "detached" });
	});

	test("in a row's menu they are about that row", async () => {
		studio.run("run", "--detach", "--name", "another", "--", "sleep", "600");
		const row = page.locator(".side-row", { hasText: "another" });
		await row.hover();
		await row.getByRole("button", { name: "What can be done with another" }).click();
		await page.locator(".menu kbd", { hasText: "F2" }).waitFor();
		await page.keyboard.press("F2");
		await page.locator("dialog input").waitFor();
		expect(await page.locator("dialog input").inputValue()).toBe("another");
		expect(await page.locator(".menu").count()).toBe(0);
		await page.keyboard.press("Escape");
		await page.locator("dialog").waitFor({ state: "detached" });
		await row.locator(".side-open").focus();
		await page.keyboard.press("F2");
		await page.locator("dialog input").waitFor();
		expect(await page.locator("dialog input").inputValue()).toBe("another");
		await page.keyboard.press("Escape");
		await page.locator("dialog").waitFor({ state: "detached" });
		studio.run("kill", "another", "--signal", "KILL");
		await until(
			"its end",
			() => studio.executions().find((e) => e.name === "another")?.state,
			(state) => state === "exited",
		);
	});

	test("the palette leaves the terminal as its key does", async () => {
		await page.locator('[data-active="true"] .xterm-helper-textarea').focus();
		await page.keyboard.press("Control+Shift+P");
		await page.locator("dialog").waitFor();
		await page.getByText("Leave the terminal").click();
		await page.locator('.side-open[aria-current="true"]:focus').waitFor();
		await page.locator('[data-active="true"] .xterm-helper-textarea').focus();
		await page.keyboard.press("Control+c");
	});
});

test("a paste of several lines is shown before it runs", async () => {
	// A shell's own line editor takes a paste as one piece; cat runs each line.
	await types("echo ready; cat > /dev/null");
	await shows(/^ready\s*$/m);
	await page.evaluate(() => {
		const data = new DataTransfer();
		data.setData("text/plain", "one\ntwo\n");
		document.activeElement?.dispatchEvent(
			new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
		);
	});
	const dialog = page.locator("dialog");
	await dialog.waitFor();
	expect(await dialog.textContent()).toContain("Paste 2 lines?");
	expect(studio.transcript(name())).not.toContain("two");
	await dialog.getByRole("button", { name: "Paste" }).click();
	await shows("two");
	await page.keyboard.press("Control+d");
});

test("a second browser shows the same, takes over, and closing both ends nothing", async () => {
	const program = name();
	const second = await studio.page(await studio.serve());
	await second.locator('[data-active="true"] .foot-watching').waitFor({ timeout: PATIENCE });
	await shows("after-palette", second);
	await types("echo from-the-first");
	await shows("from-the-first", second);

	await second.getByRole("button", { name: "Take over" }).click();
	await driving(second);
	await page.locator('[data-active="true"] .foot-watching').waitFor({ timeout: PATIENCE });
	await second.keyboard.type("echo from-the-second");
	await second.keyboard.press("Enter");
	await shows("from-the-second");

	const swallowed = page.locator(".foot-watching", { hasText: "Watching, so nothing is typed." });
	expect(await swallowed.count()).toBe(0);
	await page.keyboard.type("echo must-not-arrive");
	await swallowed.waitFor({ timeout: PATIENCE });
	expect(await page.locator(".foot-wanted").textContent()).toBe("Take over");
	await second.keyboard.type("echo after-that");
	await second.keyboard.press("Enter");
	await shows("after-that", second);
	expect(studio.transcript(program)).not.toContain("must-not-arrive");

	await second.locator(".dv-active-tab .tab-close").click();
	await second.context().close();
	await page.context().close();
	expect(studio.executions().find((e) => e.name === program)?.state).toBe("running");
	page = await studio.page(await studio.serve());
	await driving(page);
	await shows("after-that");
});

test("renaming and ending go through the page", async () => {
	const before = name();
	await page.keyboard.press("Control+Shift+Escape");
	await page.keyboard.press("F2");
	await page.locator("dialog input").fill("renamed-here");
	await page.keyboard.press("Enter");
	await until("the new name", name, (n) => n === "renamed-here");
	expect(before).not.toBe("renamed-here");

	await page.locator(".side-row", { hasText: "renamed-here" }).hover();
	await page.getByRole("button", { name: "What can be done with renamed-here" }).click();
	await page.getByRole("menuitem", { name: "End program…" }).click();
	expect(await page.locator("dialog").textContent()).toContain("End renamed-here?");
	await page.getByRole("button", { name: "End program" }).click();
	await until(
		"the end",
		() => studio.executions().find((e) => e.name === "renamed-here")?.state,
		(s) => s === "exited",
	);
	await page.locator(".foot-end").waitFor({ timeout: PATIENCE });
});
