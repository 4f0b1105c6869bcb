// The window and a browser side by side, and then the worst: both are closed
// and the core is killed with everything that shares its process group.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { driving, PATIENCE, Studio, screenText, until } from "./studio";
import { A_BLOCK, PAINT, Window } from "./window";

const studio = new Studio();
let window: Window;
let page: Page;

/** Counts as fast as a shell can until the file is there, in bursts. */
const stop = join(studio.home, "stop");
const COUNTER = `n=0; while [ ! -e ${stop} ]; do n=$((n+1)); echo "line $n"; [ $((n % 50)) = 0 ] && sleep 0.05; done; echo "counted $n"`;

beforeAll(async () => {
	studio.run("run", "--detach", "--name", "counter", "--", "sh", "-c", COUNTER);
	studio.run("run", "--detach", "--name", "shared", "--", "sh", "-i");
	window = await Window.open(studio.home);
	await until("the window has the keyboard", driver, (d) => d?.surface === "window");
	page = await studio.page(await studio.serve());
});
afterAll(async () => {
	await window.close();
	await studio.close();
});

const driver = () =>
	studio.executions().find((e) => e.name === "shared")?.driver as { surface: string } | undefined;
const counted = () => Number(/.*(?:line|counted) (\d+)\r\n/s.exec(studio.transcript("counter"))?.[1] ?? 0);
const isRunning = (name: string) => studio.executions().find((e) => e.name === name)?.state === "running";

test("what is typed in the window appears in the browser", async () => {
	await page.locator('[data-active="true"] .foot-watching').waitFor({ timeout: PATIENCE });
	window.type("echo window-$((40+2))");
	window.key("Return");
	await until(
		"the browser shows it",
		() => screenText(page),
		(s) => s.includes("window-42"),
	);
});

test("what is typed in the browser appears in the window", async () => {
	await page.getByRole("button", { name: "Take over" }).click();
	await driving(page);
	expect(window.pixels()).toBe(0);
	await page.keyboard.type(PAINT);
	await page.keyboard.press("Enter");
	await until(
		"the window shows it",
		() => window.pixels(),
		(n) => n > A_BLOCK,
	);
});

test("closed and the core killed: no program is lost, and no byte", async () => {
	const before = studio.transcript("shared");
	await page.context().close();
	await window.close();
	expect(isRunning("counter")).toBe(true);
	killGroup(Number(JSON.parse(studio.run("core", "status", "--json")).pid));
	// The next command starts another core.
	expect(isRunning("shared")).toBe(true);
	const atKill = counted();
	await until("the counter goes on", counted, (n) => n > atKill);
	writeFileSync(stop, "");
	await until(
		"the counter's end",
		() => studio.executions().find((e) => e.name === "counter")?.state,
		(s) => s === "exited",
	);
	// What a bare terminal would have recorded: every line once, in order.
	const lines = Array.from({ length: counted() }, (_, i) => `line ${i + 1}\r\n`);
	expect(studio.transcript("counter")).toBe(`${lines.join("")}counted ${lines.length}\r\n`);
	expect(studio.transcript("shared").startsWith(before)).toBe(true);
	// The browser may have wanted to come back: its turn ends a while after its last word.
	await until("nobody has the keyboard", driver, (d) => !d);
	studio.run("send", "shared", "echo after-$((40+2))", "--enter");
	await until(
		"the shell's answer",
		() => studio.transcript("shared"),
		(t) => t.includes("after-42"),
	);
});

test("the window comes back by itself from a killed core", async () => {
	window = await Window.open(studio.home, { theme: "Adwaita" });
	await until("the window has the keyboard", driver, (d) => d?.surface === "window");
	killGroup(Number(JSON.parse(studio.run("core", "status", "--json")).pid));
	// It starts another core by itself, and takes the keyboard that nobody has.
	await until("the window is back", driver, (d) => d?.surface === "window");
	window.type("echo back-$((40+2))");
	window.key("Return");
	await until(
		"the shell's answer",
		() => studio.transcript("shared"),
		(t) => t.includes("back-42"),
	);
});

/** Kills a core with all of its process group, which must be its own. */
function killGroup(pid: number): void {
	const group = Number(spawnSync("ps", ["-o", "pgid=", "-p", String(pid)], { encoding: "utf8" }).stdout);
	expect(group).toBe(pid);
	process.kill(-group, "SIGKILL");
}
