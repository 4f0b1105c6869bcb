// A list longer than anybody scrolls: only what is in sight exists, and all of
// it is found. The core's list is played, the page is the real one.
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExecutionSchema, ListExecutionsResponseSchema } from "../src/wire/gen/atelier/v1/execution_pb";
import { PATIENCE, Studio, until } from "./studio";

const MANY = 10_000;
/** More rows than three screens hold. */
const TOO_MANY_ROWS = 150;

const studio = new Studio();
let page: Page;

beforeAll(async () => {
	studio.run("run", "--detach", "--name", "shell", "--", "sh", "-i");
	const address = await studio.serve();
	page = await studio.page("about:blank");
	let told = false;
	await page.route("**/atelier.v1.ExecutionService/Watch*", async (route) => {
		if (told) return; // the stream goes on and says nothing
		told = true;
		await route.fulfill({ contentType: "application/connect+proto", body: theList() });
	});
	await page.goto(address);
	await page.locator(".side-row").first().waitFor({ timeout: PATIENCE });
	// The one that runs is opened, and takes the keyboard.
	await page.locator('.terminal[data-entered="true"]').waitFor({ timeout: PATIENCE });
});
afterAll(() => studio.close());

/** A stream of one message: a shell, and every terminal that ever was, ended well. */
function theList(): Buffer {
	const shell = create(ExecutionSchema, {
		executionId: studio.executions()[0]?.execution_id ?? "",
		name: "shell",
		state: "running",
	});
	const executions = Array.from({ length: MANY }, (_, i) =>
		create(ExecutionSchema, {
			executionId: `x${String(i).padStart(51, "a")}`,
			name: `run-${i}`,
			state: "exited",
			status: "exit 0",
			exitStatus: 0,
			cwd: "/srv",
			createdAt: timestampFromMs(1_000 * i),
			endedAt: timestampFromMs(1_000 * i + 500),
		}),
	);
	const message = toBinary(
		ListExecutionsResponseSchema,
		create(ListExecutionsResponseSchema, { executions: [shell, ...executions] }),
	);
	const head = Buffer.alloc(5);
	head.writeUInt32BE(message.length, 1);
	const end = Buffer.concat([Buffer.from([2, 0, 0, 0, 2]), Buffer.from("{}")]);
	return Buffer.concat([head, message, end]);
}

const rows = () => page.locator(".side-row").count();
const visible = (name: string) => page.locator(".side-row").getByText(name, { exact: true });

test("ten thousand terminals are counted, and a screenful exists", async () => {
	await page.locator(".side-count", { hasText: String(MANY) }).waitFor({ timeout: PATIENCE });
	expect(await rows()).toBeLessThan(TOO_MANY_ROWS);
	await visible(`run-${MANY - 1}`).waitFor({ timeout: PATIENCE });
});

test("the last is a scroll away", async () => {
	expect(await visible("run-0").count()).toBe(0);
	await page.locator(".side-scroll").evaluate((list) => {
		list.scrollTop = list.scrollHeight;
	});
	await visible("run-0").waitFor({ timeout: PATIENCE });
	expect(await rows()).toBeLessThan(TOO_MANY_ROWS);
});

test("arrows walk from row to row, and rows are made as they come", async () => {
	await page.locator(".side-scroll").evaluate((list) => {
		list.scrollTop = 0;
	});
	await page
		.locator(".side-row", { hasText: `run-${MANY - 1}` })
		.locator(".side-open")
		.focus();
	for (let i = 0; i < 60; i++) {
		await page.keyboard.press("ArrowDown");
		await until(
			`row ${i}`,
			() => page.evaluate(() => document.activeElement?.querySelector(".side-name")?.textContent ?? ""),
			(name) => name === `run-${MANY - 2 - i}`,
		);
	}
});

test("any of them is found by name", async () => {
	await page.keyboard.press("Control+k");
	await page.locator("dialog").waitFor({ timeout: PATIENCE });
	await page.keyboard.type("run-77");
	const first = page.locator(".palette-row .palette-label").first();
	await until(
		"the best find",
		() => first.textContent(),
		(text) => text === "run-77",
	);
	await page.keyboard.press("Escape");
});
