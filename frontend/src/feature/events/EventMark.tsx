// What kind of thing an event tells, at a glance: ends have the state shapes,
// everything else a quiet icon.
import {
	Eye,
	EyeOff,
	Flag,
	Keyboard,
	type LucideIcon,
	Pencil,
	Play,
	RotateCcw,
	Scaling,
	TextCursorInput,
	UserRound,
	Zap,
} from "lucide-react";
import type { EventRecord } from "../../domain/types";
import { eventShape } from "../../domain/words";
import { StateShape } from "../../ui/StateShape";

const ICONS: Record<string, LucideIcon> = {
	"workspace.created": Flag,
	"session.opened": UserRound,
	"session.joined": UserRound,
	"execution.started": Play,
	"execution.attached": Eye,
	"execution.detached": EyeOff,
	"execution.control_changed": Keyboard,
	"execution.renamed": Pencil,
	"execution.input": TextCursorInput,
	"execution.resized": Scaling,
	"execution.signalled": Zap,
	"execution.recovered": RotateCcw,
};

export function EventMark({ event }: { event: EventRecord }) {
	const shape = eventShape(event);
	const Icon = Object.hasOwn(ICONS, event.type) ? ICONS[event.type] : undefined;
	return (
		<span className="history-kind" aria-hidden="true">
			{shape ? <StateShape shape={shape} /> : null}
			{!shape && Icon ? <Icon size={14} strokeWidth={1.5} /> : null}
		</span>
	);
}
