// The foot of a terminal pane: folder · who has the keyboard.
import { Eye, Keyboard } from "lucide-react";
import type { LinkState } from "../../domain/studio";
import { ended, type Terminal } from "../../domain/types";
import { byteCount, shapeOf, stateWords, surfaceWord } from "../../domain/words";
import { Button, When } from "../../ui/primitives";
import { StateShape } from "../../ui/StateShape";

interface FootProps {
	record: Terminal;
	state: LinkState;
	skipped: bigint;
	/** Keys were pressed here that the program did not get. */
	missed: boolean;
	onTake: () => void;
	onHandBack: () => void;
	onRetry: () => void;
}

export function Foot(props: FootProps) {
	const { record, state, skipped } = props;
	return (
		<footer className="foot">
			<span className="foot-folder" title={record.cwd}>
				{record.cwd}
			</span>
			{skipped > 0n ? (
				<span className="foot-part" title="Everything is kept: `atelier transcript` shows it">
					{byteCount(skipped)} passed by too fast to show
				</span>
			) : null}
			{state.trouble && state.phase === "live" ? <span className="foot-trouble">{state.trouble}</span> : null}
			<span className="foot-space" />
			<Keys {...props} />
		</footer>
	);
}

function Keys({ record, state, missed, onTake, onHandBack, onRetry }: FootProps) {
	if (state.phase === "ended" || ended(record)) {
		return (
			<span className="foot-part foot-end" data-shape={shapeOf(record)}>
				<StateShape shape={shapeOf(record)} />
				<span>{stateWords(record)}</span>
				{record.endedAt ? <When at={record.endedAt} /> : null}
			</span>
		);
	}
	if (state.phase === "broken") {
		return (
			<>
				<span className="foot-trouble" role="status" title={state.trouble}>
					{missed
						? "Not connected. What you type is sent when it is back"
						: "Not connected. The program goes on"}
				</span>
				<Button kind="quiet" onClick={onRetry}>
					Try now
				</Button>
			</>
		);
	}
	if (state.phase === "connecting") return null;
	if (state.driving) {
		return (
			<>
				{state.suspended ? <span className="foot-trouble">Paused: {state.suspended}</span> : null}
				<span className="foot-part foot-driving">
					<Keyboard size={14} strokeWidth={1.5} aria-hidden />
					<span>You have the keyboard</span>
				</span>
				<Button kind="quiet" onClick={onHandBack} title="Let somebody else type">
					Hand back
				</Button>
			</>
		);
	}
	const driver = record.driver?.actorName || state.driver;
	const lost = missed && state.driver !== "";
	const elsewhere = record.driver?.surface ? ` (${surfaceWord(record.driver.surface)})` : "";
	return (
		<>
			<span className="foot-part foot-watching" role="status">
				<Eye size={14} strokeWidth={1.5} aria-hidden />
				<span>
					{state.driver
						? `${lost ? "Watching, so nothing is typed." : "Watching."} ${driver}${elsewhere} has the keyboard`
						: "Watching. Nobody has the keyboard"}
				</span>
			</span>
			<Button kind="quiet" className={lost ? "foot-wanted" : ""} onClick={onTake}>
				{state.driver ? "Take over" : "Take the keyboard"}
			</Button>
		</>
	);
}
