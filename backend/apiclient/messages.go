package apiclient

import atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"

// DecideRequest is what every method takes by which control decides about one
// object, for clients that choose among those methods.
type DecideRequest = atelierv1.DecideRequest

// DecideResponse is what each of them answers.
type DecideResponse = atelierv1.DecideResponse
