// Everything that can be done, by name.
import { Command } from "cmdk";
import { ended } from "../domain/types";
import { folderName, shapeOf, stateWords } from "../domain/words";
import { useDesk, useSelect } from "../ui/desk";
import { Dialog } from "../ui/primitives";
import { StateShape } from "../ui/StateShape";
import type { ThemeChoice } from "./theme";

interface PaletteProps {
	onClose: () => void;
	onTheme: (choice: ThemeChoice) => void;
	onSidebar: () => void;
	onCloseTab: () => void;
	/** The terminal that is selected, if one is. */
	current: string | undefined;
}

export function Palette({ onClose, onTheme, onSidebar, onCloseTab, current }: PaletteProps) {
	const desk = useDesk();
	const terminals = useSelect((s) => s.terminals);
	const here = terminals.get(current ?? "");
	const run = (act: () => void) => () => {
		onClose();
		act();
	};
	const action = (label: string, act: () => void, keys?: string) => (
		<Command.Item key={label} value={label} className="palette-row" onSelect={run(act)}>
			<span className="palette-label">{label}</span>
			{keys ? <kbd>{keys}</kbd> : null}
		</Command.Item>
	);
	return (
		<Dialog title="Commands" onClose={onClose} wide>
			<Command label="Commands" className="palette">
				<Command.Input className="palette-input" placeholder="What do you want to do?" autoFocus />
				<Command.List className="palette-list">
					<Command.Empty className="palette-empty">Nothing by that name.</Command.Empty>
					<Command.Group heading="Do">
						{action("New terminal", desk.newTerminal)}
						{here ? action(`Rename ${here.name}`, () => desk.askRename(here.id), "F2") : null}
						{here && !ended(here) ? action(`End ${here.name}…`, () => desk.askEnd(here.id)) : null}
						{action("Close this tab (the program goes on)", onCloseTab)}
						{action("Show History", desk.openHistory)}
						{action("Show Details", desk.showDetails, "Alt+Enter")}
						{action("Show or hide the sidebar", onSidebar, "Ctrl+B")}
						{action("Theme: as the system", () => onTheme("system"))}
						{action("Theme: light", () => onTheme("light"))}
						{action("Theme: dark", () => onTheme("dark"))}
					</Command.Group>
					<Command.Group heading="Go to">
						{[...terminals.values()].map((t) => (
							<Command.Item
								key={t.id}
								value={`go to ${t.name} ${t.cwd} ${t.id}`}
								className="palette-row"
								onSelect={run(() => desk.openTerminal(t.id))}
							>
								<StateShape shape={shapeOf(t)} label={stateWords(t)} />
								<span className="palette-label">{t.name}</span>
								<span className="palette-place">{folderName(t.cwd)}</span>
							</Command.Item>
						))}
					</Command.Group>
				</Command.List>
			</Command>
		</Dialog>
	);
}
