import type { DockviewApi, SerializedDockview } from "dockview-react";
import { expect, test } from "vitest";
import { keepLayout, restoreLayout } from "./layout";

/** A dock of panes that are only names. */
class Panes {
	panels: { id: string }[] = [];
	private changed = () => {};
	onDidLayoutChange(listener: () => void) {
		this.changed = listener;
		return { dispose() {} };
	}
	open(id: string) {
		this.panels.push({ id });
		this.changed();
	}
	toJSON() {
		return { panels: Object.fromEntries(this.panels.map((p) => [p.id, p])) };
	}
	fromJSON(kept: SerializedDockview) {
		this.panels = Object.keys(kept.panels).map((id) => ({ id }));
	}
	removePanel(panel: { id: string }) {
		this.panels = this.panels.filter((p) => p !== panel);
	}
	clear() {
		this.panels = [];
	}
	get dock(): DockviewApi {
		return this as unknown as DockviewApi;
	}
}

class Memory {
	private readonly kept = new Map<string, string>();
	getItem = (key: string) => this.kept.get(key) ?? null;
	setItem = (key: string, value: string) => void this.kept.set(key, value);
	removeItem = (key: string) => void this.kept.delete(key);
	get storage(): Storage {
		return this as unknown as Storage;
	}
}

const everything = () => true;

function leave(memory: Memory, home: string, ...panes: string[]): void {
	const before = new Panes();
	keepLayout(before.dock, memory.storage, home);
	for (const id of panes) before.open(id);
}

function comeBack(memory: Memory, home: string, known: (id: string) => boolean = everything): string[] {
	const after = new Panes();
	restoreLayout(after.dock, memory.storage, home, known);
	return after.panels.map((p) => p.id);
}

test("the panes of a home come back in it, and in no other", () => {
	const memory = new Memory();
	leave(memory, "one", "terminal:a", "history");
	leave(memory, "two", "terminal:b");
	expect(comeBack(memory, "one")).toEqual(["terminal:a", "history"]);
	expect(comeBack(memory, "two")).toEqual(["terminal:b"]);
	expect(comeBack(memory, "three")).toEqual([]);
});

test("a pane whose terminal is not known stays closed", () => {
	const memory = new Memory();
	leave(memory, "one", "terminal:a", "terminal:b");
	expect(comeBack(memory, "one", (id) => id === "b")).toEqual(["terminal:b"]);
});
