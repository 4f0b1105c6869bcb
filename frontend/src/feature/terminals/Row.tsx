// One terminal in the sidebar: shape, name, how it stands, and what can be done.
import { Menu } from "@base-ui/react/menu";
import { MoreHorizontal } from "lucide-react";
import { type KeyboardEvent, memo, useState } from "react";
import { commandOf, toldKey } from "../../domain/keys";
import { ended, type Terminal } from "../../domain/types";
import { groupOf, inLines, rowWords, shapeOf, stateWords } from "../../domain/words";
import { useNow } from "../../ui/clock";
import { useDesk, useSelect } from "../../ui/desk";
import { Name } from "../../ui/primitives";
import { StateShape } from "../../ui/StateShape";

/** One menu serves all rows; it opens for the terminal whose trigger was used. */
const menu = Menu.createHandle<string>();

/** `index` is the row's place in the list, `top` where it is drawn. */
export const Row = memo(({ terminal, index, top }: { terminal: Terminal; index: number; top: number }) => {
	const desk = useDesk();
	const selected = useSelect((s) => s.selection?.kind === "terminal" && s.selection.id === terminal.id);
	// The trigger is the dearest part of a row: it is made for the rows that somebody comes to.
	const [near, setNear] = useState(false);
	const come = () => setNear(true);
	return (
		<li
			className="side-row"
			data-index={index}
			data-selected={selected}
			data-terminal={terminal.id}
			data-group={groupOf(terminal)}
			style={{ transform: `translateY(${top}px)` }}
			onPointerEnter={come}
			onFocus={come}
		>
			<button
				type="button"
				className="side-open"
				aria-current={selected ? "true" : undefined}
				title={`${inLines(terminal.name)}\n${terminal.cwd}\n${stateWords(terminal)}`}
				onClick={() => desk.openTerminal(terminal.id)}
			>
				<StateShape shape={shapeOf(terminal)} label={stateWords(terminal)} />
				<Name text={terminal.name} className="side-name" />
				<Words terminal={terminal} />
			</button>
			{near ? (
				<Menu.Trigger
					handle={menu}
					payload={terminal.id}
					className="icon-button side-menu"
					aria-label={`What can be done with ${terminal.name}`}
				>
					<MoreHorizontal size={16} strokeWidth={1.5} />
				</Menu.Trigger>
			) : null}
		</li>
	);
});

function Words({ terminal }: { terminal: Terminal }) {
	return <span className="side-words">{rowWords(terminal, useNow())}</span>;
}

export function RowMenu() {
	return <Menu.Root handle={menu}>{({ payload }) => <Items id={payload ?? ""} />}</Menu.Root>;
}

function Items({ id }: { id: string }) {
	const desk = useDesk();
	const terminal = useSelect((s) => s.terminals.get(id));
	if (!terminal) return null;
	const rename = () => desk.askRename(id);
	const details = () => {
		desk.store.select({ kind: "terminal", id });
		desk.showDetails();
	};
	const heard = (e: KeyboardEvent) => {
		const command = commandOf(e, false, false);
		if (command !== "rename" && command !== "details") return;
		e.preventDefault();
		menu.close();
		if (command === "rename") rename();
		else details();
	};
	return (
		<Menu.Portal>
			<Menu.Positioner className="menu-place" sideOffset={4} align="start">
				<Menu.Popup className="menu" onKeyDown={heard}>
					<Menu.Item className="menu-item" onClick={() => desk.openTerminal(id)}>
						Open
					</Menu.Item>
					<Menu.Item className="menu-item" onClick={rename}>
						Rename<kbd>{toldKey("rename", false)}</kbd>
					</Menu.Item>
					<Menu.Item className="menu-item" onClick={details}>
						Details<kbd>{toldKey("details", false)}</kbd>
					</Menu.Item>
					{ended(terminal) ? null : (
						<Menu.Item className="menu-item menu-danger" onClick={() => desk.askEnd(id)}>
							End program…
						</Menu.Item>
					)}
				</Menu.Popup>
			</Menu.Positioner>
		</Menu.Portal>
	);
}
