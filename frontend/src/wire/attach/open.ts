// Chooses the carrier by the place and opens links over it.
import type { OpenLink, Studio } from "../../domain/studio";
import type { Place } from "../place";
import { SESSION_HEADER, type Session } from "../session";
import type { Carrier } from "./carrier";
import { AttachLink } from "./link";
import { poster, streamCarrier } from "./stream";
import { webSocketCarrier } from "./websocket";

/** The carrier of a place. */
export function carrierOf(place: Place, session: Session): Carrier {
	if (place.carrier === "websocket") return webSocketCarrier(place.api);
	return streamCarrier(poster(place.api, () => session.id(), SESSION_HEADER));
}

/** Opens links to terminals from here. */
export function linkOpener(place: Place, session: Session, studio: Studio): OpenLink {
	const carrier = carrierOf(place, session);
	return (id, fresh, events) => new AttachLink(id, fresh, studio, carrier, events);
}
