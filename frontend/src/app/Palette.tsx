// Everything that can be done, by name, and every terminal to go to.
import { Command } from "cmdk";
import { useMemo, useState } from "react";
import { toldKey } from "../domain/keys";
import { ended, type Terminal } from "../domain/types";
import { folderName, middleCut, shapeOf, stateWords } from "../domain/words";
import { useDesk, useSelect } from "../ui/desk";
import { isEntered } from "../ui/entered";
import { Dialog, Name } from "../ui/primitives";
import { StateShape } from "../ui/StateShape";
import { find } from "./find";
import type { ThemeChoice } from "./theme";

interface PaletteProps {
	onClose: () => void;
	onTheme: (choice: ThemeChoice) => void;
	onSidebar: () => void;
	/** Gives the keyboard from the terminal to the studio. */
	onLeave: () => void;
	onNextRegion: () => void;
	onCloseTab: () => void;
	/** Moves the open tab into a pane of its own, to the right. */
	onMoveRight: () => void;
	/** The terminal that is selected, if one is. */
	current: string | undefined;
}

/** Terminals listed; typing more of a name finds the others. */
const MOST_TERMINALS = 50;
/** Longest name inside an action. */
const NAME = 40;

interface Action {
	label: string;
	act: () => void;
	keys?: string | undefined;
}

export function Palette(props: PaletteProps) {
	const desk = useDesk();
	const [query, setQuery] = useState("");
	const actions = find(useActions(props), query, (a) => a.label, Number.POSITIVE_INFINITY);
	const terminals = useTerminals(query);
	const run = (act: () => void) => () => {
		props.onClose();
		act();
	};
	return (
		<Dialog title="Commands" onClose={props.onClose} kind="palette">
			<Command label="Commands" className="palette" shouldFilter={false}>
				<Command.Input
					className="palette-input"
					placeholder="What do you want to do?"
					autoFocus
					value={query}
					onValueChange={setQuery}
				/>
				<Command.List className="palette-list">
					{actions.length + terminals.length === 0 ? (
						<p className="palette-empty">Nothing by that name.</p>
					) : null}
					{actions.length > 0 ? (
						<Command.Group heading="Do">
							{actions.map(({ label, act, keys }) => (
								<Command.Item key={label} value={label} className="palette-row" onSelect={run(act)}>
									<span className="palette-label">{label}</span>
									{keys ? <kbd>{keys}</kbd> : null}
								</Command.Item>
							))}
						</Command.Group>
					) : null}
					{terminals.length > 0 ? (
						<Command.Group heading="Go to">
							{terminals.map((t) => (
								<Command.Item
									key={t.id}
									value={t.id}
									className="palette-row"
									onSelect={run(() => desk.openTerminal(t.id))}
								>
									<StateShape shape={shapeOf(t)} label={stateWords(t)} />
									<Name text={t.name} className="palette-label" />
									<span className="palette-place">{folderName(t.cwd)}</span>
								</Command.Item>
							))}
						</Command.Group>
					) : null}
				</Command.List>
			</Command>
		</Dialog>
	);
}

function useActions(p: PaletteProps): Action[] {
	const desk = useDesk();
	const here = useSelect((s) => s.terminals.get(p.current ?? ""));
	// Closed, the palette gives the keyboard back: the keys that are told are those that hold there.
	const [entered] = useState(isEntered);
	const about = here ? middleCut(here.name, NAME) : "";
	return [
		{ label: "New terminal", act: desk.newTerminal },
		...(here
			? [{ label: `Rename ${about}`, act: () => desk.askRename(here.id), keys: toldKey("rename", entered) }]
			: []),
		...(here && !ended(here) ? [{ label: `End ${about}…`, act: () => desk.askEnd(here.id) }] : []),
		{ label: "Close this tab (the program goes on)", act: p.onCloseTab },
		{ label: "Move this tab to the right", act: p.onMoveRight },
		{ label: "Show History", act: desk.openHistory },
		{ label: "Show Details", act: desk.showDetails, keys: toldKey("details", entered) },
		{ label: "Show or hide the sidebar", act: p.onSidebar, keys: toldKey("sidebar", entered) },
		...(entered
			? [{ label: "Leave the terminal (it goes on)", act: p.onLeave, keys: toldKey("leave", entered) }]
			: []),
		{
			label: "Go to the next part of the window",
			act: p.onNextRegion,
			keys: toldKey("next-region", entered),
		},
		{ label: "Theme: as the system", act: () => p.onTheme("system") },
		{ label: "Theme: light", act: () => p.onTheme("light") },
		{ label: "Theme: dark", act: () => p.onTheme("dark") },
	];
}

// Those that run first, the newest of them before the others.
function useTerminals(query: string): Terminal[] {
	const terminals = useSelect((s) => s.terminals);
	const all = useMemo(
		() =>
			[...terminals.values()].sort(
				(a, b) => Number(ended(a)) - Number(ended(b)) || b.createdAt - a.createdAt,
			),
		[terminals],
	);
	return useMemo(() => find(all, query, (t) => `${t.name} ${t.cwd}`, MOST_TERMINALS), [all, query]);
}
