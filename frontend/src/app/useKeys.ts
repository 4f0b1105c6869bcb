// One listener for the studio's keys, before anything else hears them.
import { useEffect } from "react";
import { belongsToStudio, commandOf, type KeyCommand } from "../domain/keys";

const mac = /^Mac/.test(navigator.platform);

/** Calls `run` for every key that is a command now. */
export function useKeys(run: (command: KeyCommand) => void): void {
	useEffect(() => {
		const heard = (e: KeyboardEvent) => {
			const target = e.target instanceof Element ? e.target : null;
			const entered = target?.closest(".xterm") != null;
			const writing = !entered && target?.matches("input, textarea, [contenteditable]") === true;
			if (target?.closest("dialog") && e.key !== "F6") return;
			// An open menu has keys of its own, about what it was opened for.
			if (target?.closest('[role="menu"]') && !belongsToStudio(e, mac)) return;
			const command = commandOf(e, entered, writing, mac);
			if (!command) return;
			e.preventDefault();
			e.stopPropagation();
			run(command);
		};
		window.addEventListener("keydown", heard, { capture: true });
		return () => window.removeEventListener("keydown", heard, { capture: true });
	}, [run]);
}

const REGIONS = ["sidebar", "centre", "details", "top"];

/** Moves the focus to the next region that is shown, or to the one before. */
export function walkRegions(step: 1 | -1): void {
	const shown = REGIONS.map((name) => document.querySelector<HTMLElement>(`[data-region="${name}"]`)).filter(
		(r): r is HTMLElement => r !== null,
	);
	const at = shown.findIndex((r) => r.contains(document.activeElement));
	const next = shown[(at + step + shown.length) % shown.length];
	const first =
		next?.querySelector<HTMLElement>('[data-active="true"] .xterm-helper-textarea') ??
		next?.querySelector<HTMLElement>('[aria-current="true"], button, input, [tabindex="0"]') ??
		next;
	first?.focus();
}
