package main

import (
	"net/http"

	"jali/openapi/docs"
	api "jali/openapi/sandbox"
)

// operations are what answers the operations of the document, by their ids.
func (s *sandbox) operations() map[string]operation {
	return map[string]operation{
		"DecideConsent": s.decideConsent,
		"Introduce":     s.introduce,

		"ListPersonas": s.listPersonas,
		"ListPeople":   s.listPeople,
		"AddPeople":    s.addPeople,
		"ReadPerson":   s.readPerson,
		"RemovePerson": s.removePerson,
		"ResetPerson":  s.resetPerson,
		"LookAsPerson": s.lookAsPerson,
		"PauseClient":  s.pauseClient,
		"ResumeClient": s.resumeClient,
		"RevokeAll":    s.revokeAll,
		"Connect":      s.connectSource,
		"Disconnect":   s.disconnect,
		"BringFile":    s.bringFile,
		"SettleFile":   s.settleFile,

		"ListGrants":  s.listGrants,
		"ReadGrant":   s.readGrant,
		"RevokeGrant": s.revokeGrant,
		"ListViews":   s.listViews,

		"ListClients":       s.listClients,
		"AddClient":         s.addClient,
		"RemoveIdleClients": s.removeIdleClients,
		"ReadClient":        s.readClient,
		"ChangeClient":      s.changeClient,
		"RemoveClient":      s.removeClient,
		"SuspendClient":     s.suspendClient,
		"ReadmitClient":     s.readmitClient,
		"RotateKeys":        s.rotateKeys,
		"TestWebhook":       s.testWebhook,
		"ResumeWebhook":     s.resumeWebhook,

		"FireEvent":      s.fireEvent,
		"ListDeliveries": s.listDeliveries,
		"ReadDelivery":   s.readDelivery,
		"ReplayDelivery": s.replayDelivery,
		"ReadInbox":      s.readInbox,
		"TellInbox":      s.tellInbox,
		"EmptyInbox":     s.emptyInbox,

		"ReadClock":     s.readClock,
		"MoveClock":     s.moveClock,
		"ListSources":   s.listSources,
		"ListTroubles":  s.listTroubles,
		"SetTrouble":    s.setTrouble,
		"ClearTroubles": s.clearTroubles,
		"ClearTrouble":  s.clearTrouble,
		"ReadTown":      s.readTown,

		"ListViolations": func(*http.Request) (any, error) {
			return map[string]any{"violations": s.violations.all()}, nil
		},
		"ListCanaries":  func(*http.Request) (any, error) { return s.town.Canaries(), nil },
		"ListPasskeys":  s.listPasskeys,
		"CreatePasskey": s.createPasskey,
		"UsePasskey":    s.usePasskey,
	}
}

// pages are operations that write their own answers.
func (s *sandbox) pages() map[string]http.Handler {
	return map[string]http.Handler{
		"ReceiveInInbox": http.HandlerFunc(s.receive),
		"ReadDocument": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
			_, _ = w.Write(api.YAML)
		}),
		"ReadReference":        docs.Reference("/sandbox/openapi.yaml", true),
		"FindReference":        http.HandlerFunc(toReference),
		"FindReferenceBySlash": http.HandlerFunc(toReference),
	}
}

func toReference(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "/sandbox/docs")
	w.WriteHeader(http.StatusPermanentRedirect)
}
