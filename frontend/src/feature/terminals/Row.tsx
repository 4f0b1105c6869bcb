// One terminal in the sidebar: shape, name, how it stands, and what can be done.
import { Menu } from "@base-ui/react/menu";
import { MoreHorizontal } from "lucide-react";
import { ended, type Terminal } from "../../domain/types";
import { groupOf, middleCut, rowWords, shapeOf, stateWords } from "../../domain/words";
import { useNow } from "../../ui/clock";
import { useDesk, useSelect } from "../../ui/desk";
import { StateShape } from "../../ui/StateShape";

/** Longest name that has room beside the words at the row's end. */
const NAME = 22;

/** `index` is the row's place in the list, `top` where it is drawn. */
export function Row({ terminal, index, top }: { terminal: Terminal; index: number; top: number }) {
	const desk = useDesk();
	const selected = useSelect((s) => s.selection?.kind === "terminal" && s.selection.id === terminal.id);
	return (
		<li
			className="side-row"
			data-index={index}
			data-selected={selected}
			data-group={groupOf(terminal)}
			style={{ transform: `translateY(${top}px)` }}
		>
			<button
				type="button"
				className="side-open"
				aria-current={selected ? "true" : undefined}
				title={`${terminal.name}\n${terminal.cwd}\n${stateWords(terminal)}`}
				onClick={() => desk.openTerminal(terminal.id)}
			>
				<StateShape shape={shapeOf(terminal)} label={stateWords(terminal)} />
				<bdi className="side-name">{middleCut(terminal.name, NAME)}</bdi>
				<Words terminal={terminal} />
			</button>
			<RowMenu terminal={terminal} />
		</li>
	);
}

function Words({ terminal }: { terminal: Terminal }) {
	return <span className="side-words">{rowWords(terminal, useNow())}</span>;
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
