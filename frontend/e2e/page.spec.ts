// What holds for the page as a whole: no ids in sight, rules of access, the
// content security policy, and what assistive programs are told.
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { holdsAnId } from "../src/domain/words";
import { driving, PATIENCE, Studio, until } from "./studio";

const studio = new Studio();
let address = "";
let page: Page;

beforeAll(async () => {
	studio.run("run", "--detach", "--name", "n".repeat(120), "--", "sleep", "600");
	studio.run("run", "--detach", "--name", "failing", "--", "sh", "-c", "exit 3");
	address = await studio.serve();
	page = await studio.page(address);
	await driving(page);
});
afterAll(() => studio.close());

/** Everything a person can read or hear, terminal content excepted. */
const words = () =>
	page.evaluate(() => {
		const copy = document.body.cloneNode(true) as HTMLElement;
		for (const content of copy.querySelectorAll("[data-terminal-content]")) content.remove();
		const told = [...copy.querySelectorAll("*")].flatMap((e) =>
			["title", "aria-label", "alt"].map((a) => e.getAttribute(a) ?? ""),
		);
		const walk = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
		const texts: string[] = [];
		while (walk.nextNode()) texts.push(walk.currentNode.textContent ?? "");
		// One piece a line: glued to its neighbour an id would not be seen.
		return [...texts, ...told].join("\n");
	});

describe("no id in any default pane", () => {
	test("terminal", async () => {
		expect(holdsAnId(await words())).toBeUndefined();
	});
	test("history", async () => {
		await page.locator(".sidebar-page").click();
		await page.locator(".history-row").first().waitFor({ timeout: PATIENCE });
		const exact = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n./;
		expect(await page.locator(".history-row button").first().getAttribute("title")).toMatch(exact);
		await page.getByLabel("Show input, output and sizes").check();
		expect(holdsAnId(await words())).toBeUndefined();
	});
	test("the palette", async () => {
		await page.keyboard.press("Control+Shift+P");
		await page.locator("dialog").waitFor();
		expect(holdsAnId(await words())).toBeUndefined();
		await page.keyboard.press("Escape");
	});
	test("control: Details has them, with copy buttons", async () => {
		await page.locator(".history-row button").first().click();
		await page.locator(".details .id").first().waitFor();
		expect(holdsAnId(await words())).toBeDefined();
		expect(await page.locator(".details .id button").count()).toBeGreaterThan(3);
	});
});

test("a program that wrote nothing is said to have, and nothing is waited for", async () => {
	await page.locator(".side-row", { hasText: "failing" }).locator(".side-open").click();
	const pane = page.locator('.terminal[aria-label="Terminal failing"]');
	await pane.locator(".foot-end").waitFor({ timeout: PATIENCE });
	await pane.getByText("It wrote nothing.").waitFor({ timeout: PATIENCE });
	expect(await pane.locator(".waiting").count()).toBe(0);
});

test("Details of what has ended tell no command that would be refused", async () => {
	const commands = () =>
		page
			.locator(".details .id-value")
			.evaluateAll((all) =>
				all.map((e) => e.textContent ?? "").filter((text) => text.startsWith("atelier ")),
			);
	if ((await page.locator(".details").count()) === 0)
		await page.getByRole("button", { name: /^Show Details/ }).click();
	await page.locator(".side-row", { hasText: "failing" }).locator(".side-open").click();
	await until("the commands", commands, (all) => all.at(-1) === "atelier transcript failing");
	expect(await commands()).toEqual(["atelier transcript failing"]);
	await page.locator(".side-row", { hasText: "nnn" }).locator(".side-open").click();
	const name = "n".repeat(120);
	await until("the commands", commands, (all) => all.at(-1) === `atelier transcript ${name}`);
	expect(await commands()).toEqual([`atelier attach ${name}`, `atelier transcript ${name}`]);
});

test("which home this is stands behind me", async () => {
	await page.locator(".me").click();
	expect(await page.locator(".menu-home").textContent()).toBe(studio.home);
	await page.keyboard.press("Escape");
});

test("a name too long for its row loses its middle, once", async () => {
	const name = page.locator(".side-name", { hasText: "nnn" });
	const [head, end] = [name.locator("span").first(), name.locator("span").last()];
	expect(await name.textContent()).toBe("n".repeat(120));
	const tooltip = (await page.locator(".side-open", { hasText: "nnn" }).getAttribute("title")) ?? "";
	expect(tooltip.split("\n").slice(0, 2)).toEqual(["n".repeat(60), "n".repeat(60)]);
	expect(await head.evaluate((e) => e.scrollWidth > e.clientWidth)).toBe(true);
	const within = await name.boundingBox();
	const seen = await end.boundingBox();
	expect(right(seen)).toBeLessThanOrEqual(right(within) + 1);
	expect(seen?.width).toBeGreaterThan(20);
});

const right = (box: { x: number; width: number } | null) => (box ? box.x + box.width : Number.NaN);

describe.each(["dark", "light"] as const)("axe finds nothing serious, %s", (colorScheme) => {
	test.each(["terminal", "history and details"])("%s", async (view) => {
		const other = await studio.page(await studio.serve(), { colorScheme });
		await other.locator(".foot").first().waitFor({ timeout: PATIENCE });
		if (view !== "terminal") {
			await other.locator(".sidebar-page").click();
			await other.locator(".history-row button").first().click();
			await other.locator(".details .id").first().waitFor();
		}
		const found = await new AxeBuilder({ page: other }).exclude("[data-terminal-content]").analyze();
		const serious = found.violations.filter((v) => v.impact === "serious" || v.impact === "critical");
		expect(serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`)).toEqual([]);
		await other.context().close();
	});
});

describe("access", () => {
	test("a link works once; the second time the page says how to get another", async () => {
		const again = await studio.page(address);
		await until(
			"the page without a link",
			() => again.locator("main").textContent(),
			(t) => t?.includes("atelier serve") === true,
		);
		expect(new URL(again.url()).hash).toBe("");
		await again.context().close();
	});
	test.each([
		["a used one", "#k=used"],
		["none", ""],
	])("a new link opened in the same tab lets in at once, after %s", async (_, hash) => {
		const link = await studio.serve();
		const refused = await studio.page(new URL(`/${hash}`, link).href);
		await refused.locator("main .command").waitFor({ timeout: PATIENCE });
		await refused.goto(link);
		await refused.locator(".foot").first().waitFor({ timeout: PATIENCE });
		expect(new URL(refused.url()).hash).toBe("");
		await refused.context().close();
	});
	test("without a link there is only that page", async () => {
		const bare = await studio.page(new URL("/", address).href);
		await until(
			"the page without a link",
			() => bare.locator("main").textContent(),
			(t) => t?.includes("atelier serve") === true,
		);
		await bare.context().close();
	});
});

describe("E6: content security policy", () => {
	test("the page names one, and it forbids inline scripts, frames and strangers", async () => {
		const answer = await fetch(new URL("/", address));
		const html = await answer.text();
		const policies = [
			answer.headers.get("content-security-policy") ?? "",
			/Content-Security-Policy"\s+content="([^"]+)"/.exec(html)?.[1] ?? "",
		];
		for (const rule of ["script-src 'self'", "frame-src 'none'", "connect-src 'self'", "object-src 'none'"]) {
			expect(
				policies.some((p) => p.includes(rule)),
				rule,
			).toBe(true);
		}
		expect(html).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>/);
		expect(html).not.toMatch(/\son\w+=/);
	});
	test("an inline script and a frame do nothing", async () => {
		const blocked = await page.evaluate(async (patience) => {
			const told = new Set<string>();
			const all = new Promise<void>((done) => {
				document.addEventListener("securitypolicyviolation", (e) => {
					told.add(e.effectiveDirective);
					if (told.size === 3) done();
				});
			});
			const script = document.createElement("script");
			script.textContent = "window.broke = true";
			document.body.append(script);
			const frame = document.createElement("iframe");
			frame.src = "http://127.0.0.1:9/";
			document.body.append(frame);
			await fetch("http://127.0.0.1:9/").catch(() => undefined);
			await Promise.race([all, new Promise((late) => setTimeout(late, patience))]);
			frame.remove();
			script.remove();
			return { told: [...told], broke: "broke" in window };
		}, PATIENCE);
		expect(blocked.broke).toBe(false);
		expect(blocked.told).toEqual(expect.arrayContaining(["script-src-elem", "frame-src", "connect-src"]));
	});
});
