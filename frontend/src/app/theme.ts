// Dark or light: the system's choice, unless a person made one here.
import { useCallback, useEffect, useState } from "react";
import type { Theme } from "../ui/desk";

export type ThemeChoice = "system" | Theme;
const KEY = "atelier.theme";
const dark = () => window.matchMedia("(prefers-color-scheme: dark)");

function stored(): ThemeChoice {
	const value = localStorage.getItem(KEY);
	return value === "dark" || value === "light" ? value : "system";
}

/** Puts the theme on the page before anything is drawn. */
export function applyTheme(choice: ThemeChoice = stored()): Theme {
	const theme = choice === "system" ? (dark().matches ? "dark" : "light") : choice;
	document.documentElement.dataset.theme = theme;
	return theme;
}

/** The theme shown, the choice behind it, and how to choose. */
export function useThemeChoice(): [Theme, ThemeChoice, (choice: ThemeChoice) => void] {
	const [choice, setChoice] = useState(stored);
	const [theme, setTheme] = useState(() => applyTheme(choice));
	useEffect(() => {
		setTheme(applyTheme(choice));
		const media = dark();
		const follow = () => setTheme(applyTheme(choice));
		media.addEventListener("change", follow);
		return () => media.removeEventListener("change", follow);
	}, [choice]);
	const choose = useCallback((next: ThemeChoice) => {
		if (next === "system") localStorage.removeItem(KEY);
		else localStorage.setItem(KEY, next);
		setChoice(next);
	}, []);
	return [theme, choice, choose];
}
