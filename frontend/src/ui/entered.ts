// Does a terminal have the keyboard? What is told of keys follows it.
import { useSyncExternalStore } from "react";

/** True while a terminal has the keyboard. */
export function isEntered(): boolean {
	return document.activeElement?.closest(".xterm") != null;
}

/** Follows isEntered. */
export function useEntered(): boolean {
	return useSyncExternalStore(subscribe, isEntered);
}

function subscribe(changed: () => void): () => void {
	document.addEventListener("focusin", changed);
	document.addEventListener("focusout", changed);
	return () => {
		document.removeEventListener("focusin", changed);
		document.removeEventListener("focusout", changed);
	};
}
