// The sidebar's list: every terminal of the workspace, grouped by what it does.
import { Menu } from "@base-ui/react/menu";
import { MoreHorizontal, Plus } from "lucide-react";
import { ended, type Terminal } from "../../domain/types";
import { duration, groupOf, shapeOf, stateWords } from "../../domain/words";
import { selectGroups } from "../../store/selectors";
import { useNow } from "../../ui/clock";
import { useDesk, useSelect } from "../../ui/desk";
import { Button, IconButton, Waiting } from "../../ui/primitives";
import { StateShape } from "../../ui/StateShape";
import "./terminals.css";

export function TerminalList() {
	const desk = useDesk();
	const groups = useSelect(selectGroups);
	const listed = useSelect((s) => s.listed);
	return (
		<nav className="terminals" aria-label="Terminals">
			<header className="side-head">
				<h2>Terminals</h2>
				<IconButton label="New terminal" onClick={desk.newTerminal}>
					<Plus size={16} strokeWidth={1.5} />
				</IconButton>
			</header>
			{groups.map(({ group, terminals }) => (
				<section key={group} aria-label={group}>
					<h3 className="side-group">
						{group} <span className="side-count">{terminals.length}</span>
					</h3>
					<ul className="side-rows">
						{terminals.map((t) => (
							<Row key={t.id} terminal={t} />
						))}
					</ul>
				</section>
			))}
			{listed ? null : <Waiting what="Waiting for the list of terminals…" />}
			{listed && groups.length === 0 ? (
				<div className="side-empty">
					<p>No terminals yet.</p>
					<Button onClick={desk.newTerminal}>New terminal</Button>
				</div>
			) : null}
		</nav>
	);
}

function Row({ terminal }: { terminal: Terminal }) {
	const desk = useDesk();
	const selected = useSelect((s) => s.selection?.kind === "terminal" && s.selection.id === terminal.id);
	return (
		<li className="side-row" data-selected={selected} data-group={groupOf(terminal)}>
			<button
				type="button"
				className="side-open"
				aria-current={selected ? "true" : undefined}
				title={`${terminal.name}\n${terminal.cwd}\n${stateWords(terminal)}`}
				onClick={() => desk.openTerminal(terminal.id)}
			>
				<StateShape shape={shapeOf(terminal)} label={stateWords(terminal)} />
				<span className="side-name">{terminal.name}</span>
				<Elapsed terminal={terminal} />
			</button>
			<RowMenu terminal={terminal} />
		</li>
	);
}

function Elapsed({ terminal }: { terminal: Terminal }) {
	const now = useNow();
	if (ended(terminal)) return null;
	return <span className="side-elapsed">{duration(now - terminal.createdAt)}</span>;
}

function RowMenu({ terminal }: { terminal: Terminal }) {
	const desk = useDesk();
	return (
		<Menu.Root>
			<Menu.Trigger className="icon-button side-menu" aria-label={`What can be done with ${terminal.name}`}>
				<MoreHorizontal size={16} strokeWidth={1.5} />
			</Menu.Trigger>
			<Menu.Portal>
				<Menu.Positioner className="menu-place" sideOffset={4} align="start">
					<Menu.Popup className="menu">
						<Menu.Item className="menu-item" onClick={() => desk.openTerminal(terminal.id)}>
							Open
						</Menu.Item>
						<Menu.Item className="menu-item" onClick={() => desk.askRename(terminal.id)}>
							Rename<kbd>F2</kbd>
						</Menu.Item>
						<Menu.Item
							className="menu-item"
							onClick={() => {
								desk.store.select({ kind: "terminal", id: terminal.id });
								desk.showDetails();
							}}
						>
							Details<kbd>Alt+Enter</kbd>
						</Menu.Item>
						{ended(terminal) ? null : (
							<Menu.Item className="menu-item menu-danger" onClick={() => desk.askEnd(terminal.id)}>
								End program…
							</Menu.Item>
						)}
					</Menu.Popup>
				</Menu.Positioner>
			</Menu.Portal>
		</Menu.Root>
	);
}
