// The real programs, in a home of their own, for the stories beside this file.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** Where the programs are: build/bin, or a folder that the environment names. */
export const BIN = process.env.ATELIER_BIN ?? resolve(import.meta.dirname, "../../build/bin");
/** A generous bound on hanging, never a measure of speed. */
export const PATIENCE = 30_000;

// A person of the tests' own: the start-up files of whoever runs them would be
// run by every login shell, and decide how soon it is there.
process.env.HOME = mkdtempSync(join(tmpdir(), "h"));
process.on("exit", () => rmSync(process.env.HOME ?? "", { recursive: true, force: true }));

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGS = [
	"--headless",
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

/** One home with its core, a browser, and `atelier` to look at it from outside. */
export class Studio {
	readonly home = mkdtempSync(join(tmpdir(), "a"));
	private browser: Browser | undefined;
	private readonly servers: ChildProcess[] = [];

	/** Runs `atelier` with arguments and returns what it printed. */
	run(...args: string[]): string {
		const ran = spawnSync(join(BIN, "atelier"), ["--home", this.home, ...args], {
			encoding: "utf8",
			timeout: PATIENCE,
			maxBuffer: 64 << 20,
		});
		if (ran.status !== 0) throw new Error(`atelier ${args.join(" ")}: ${ran.status} ${ran.stderr}`);
		return ran.stdout;
	}

	executions(): { execution_id: string; name: string; state: string; driver?: unknown }[] {
		return JSON.parse(this.run("ps", "--json")).executions;
	}

	transcript(name: string): string {
		return this.run("transcript", name, "--raw");
	}

	/** Starts `atelier serve` and returns the address with its one-use secret. */
	serve(): Promise<string> {
		const server = spawn(join(BIN, "atelier"), ["--home", this.home, "serve", "--listen", "127.0.0.1:0"]);
		this.servers.push(server);
		return new Promise((found, failed) => {
			let said = "";
			const hear = (piece: Buffer) => {
				said += piece.toString();
				const address = /http:\/\/127\.0\.0\.1:\d+\/#k=[\w.~-]+/.exec(said)?.[0];
				if (address) found(address);
			};
			server.stdout.on("data", hear);
			server.stderr.on("data", hear);
			server.on("exit", (status) => failed(new Error(`atelier serve ended with ${status}: ${said}`)));
		});
	}

	/** Opens a page in a browser context of its own: another person's browser. */
	async page(address: string, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
		this.browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
		const context: BrowserContext = await this.browser.newContext({
			viewport: { width: 1280, height: 800 },
			...options,
		});
		const page = await context.newPage();
		await page.goto(address);
		return page;
	}

	async close(): Promise<void> {
		await this.browser?.close();
		for (const server of this.servers) server.kill("SIGINT");
		if (!existsSync(join(BIN, "atelier"))) return;
		for (const e of this.executions().filter((x) => x.state === "running"))
			this.run("kill", e.execution_id, "--signal", "KILL");
		this.run("core", "stop");
		rmSync(this.home, { recursive: true, force: true });
	}
}

/** Waits until a condition holds; fails with what was last seen. */
export async function until<T>(
	what: string,
	look: () => T | Promise<T>,
	good: (seen: T) => boolean,
): Promise<T> {
	const end = Date.now() + PATIENCE;
	for (;;) {
		const seen = await look();
		if (good(seen)) return seen;
		if (Date.now() > end) throw new Error(`${what}: still ${JSON.stringify(seen)?.slice(0, 2000)}`);
		await new Promise((next) => setTimeout(next, 100));
	}
}

/** The text of a terminal pane's screen. */
export async function screenText(page: Page): Promise<string> {
	return (await page.locator('[data-active="true"] .xterm-rows > div').allInnerTexts())
		.join("\n")
		.replaceAll("\u00a0", " ");
}

/** Waits until the active terminal is live and has the keyboard. */
export async function driving(page: Page): Promise<void> {
	await page.locator('[data-active="true"] .foot-driving').waitFor({ timeout: PATIENCE });
}
