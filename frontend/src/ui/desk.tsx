// What features share: the state, the core, and what they may ask of the shell.
import { createContext, useContext, useSyncExternalStore } from "react";
import type { OpenLink, Studio } from "../domain/studio";
import type { State, Store } from "../store/store";

export type Theme = "dark" | "light";

/** The shell, as features see it. */
export interface Desk {
	store: Store;
	studio: Studio;
	openLink: OpenLink;
	/** Opens the login shell in a terminal of its own and shows it. */
	newTerminal(): void;
	openTerminal(id: string): void;
	openHistory(): void;
	showDetails(): void;
	/** Asks for a new name. */
	askRename(id: string): void;
	/** Asks whether to end the program, naming it. */
	askEnd(id: string): void;
	/** Was this terminal started by this page just now? */
	isFresh(id: string): boolean;
	/** Shows a failure that no pane shows. */
	report(error: unknown): void;
}

const DeskContext = createContext<Desk | undefined>(undefined);
export const DeskProvider = DeskContext.Provider;

export function useDesk(): Desk {
	const desk = useContext(DeskContext);
	if (!desk) throw new Error("a feature outside the shell");
	return desk;
}

/** Follows one answer over the state. The selector must keep the identity of an unchanged answer. */
export function useSelect<T>(select: (s: State) => T): T {
	const { store } = useDesk();
	return useSyncExternalStore(store.subscribe, () => select(store.get()));
}

const ThemeContext = createContext<Theme>("dark");
export const ThemeProvider = ThemeContext.Provider;

export function useTheme(): Theme {
	return useContext(ThemeContext);
}
