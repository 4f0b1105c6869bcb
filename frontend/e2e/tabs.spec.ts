// More tabs than there is room for: the one that is open is always seen, whole.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { driving, Studio, until } from "./studio";

/** Strips scroll by whole pixels. */
const A_ROUNDING = 1;

const studio = new Studio();
let page: Page;

beforeAll(async () => {
	page = await studio.page(await studio.serve());
	await driving(page);
});
afterAll(() => studio.close());

/** How far the open tab stands out of its strip, in pixels, and how wide it is. */
const outside = () =>
	page.evaluate(() => {
		const tab = document.querySelector(".dv-active-tab")?.getBoundingClientRect();
		const strip = document.querySelector(".dv-tabs-container")?.getBoundingClientRect();
		if (!tab || !strip) return undefined;
		return { left: strip.left - tab.left, right: tab.right - strip.right, wide: tab.width > 40 };
	});
const inSight = () =>
	until(
		"the open tab is in sight",
		outside,
		(o) => o?.wide === true && o.left <= A_ROUNDING && o.right <= A_ROUNDING,
	);
const open = () => page.locator(".dv-active-tab .tab-name").textContent();

test("a new terminal's tab, however many there are", async () => {
	for (let n = 2; n <= 9; n++) {
		await page.getByRole("button", { name: "New terminal" }).click();
		await until(
			`${n} tabs`,
			() => page.locator(".dv-tabs-container .tab").count(),
			(count) => count === n,
		);
		await driving(page);
		await inSight();
	}
	expect(
		await page.locator(".dv-tabs-container").evaluate((strip) => strip.scrollWidth > strip.clientWidth),
	).toBe(true);
});

test("an old one, chosen in the sidebar", async () => {
	const newest = await open();
	await page.locator(".side-open").first().click();
	await until("another tab", open, (name) => name !== newest);
	await inSight();
});

test("renamed to a long name, and the window made small", async () => {
	await page.locator(".side-open").last().click();
	const last = await open();
	studio.run("rename", last ?? "", `renamed-${"long".repeat(20)}`);
	await until("the new name", open, (name) => name?.startsWith("renamed-") === true);
	await inSight();
	for (const width of [900, 640, 420]) {
		await page.setViewportSize({ width, height: 500 });
		await inSight();
	}
});
