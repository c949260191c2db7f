package campaign

// Evidence is what is known of the call for which a dial token is held.
type Evidence string

// The kinds of evidence, in the order in which they come.
const (
	// EvidenceGranted: nothing was asked of the provider yet.
	EvidenceGranted Evidence = "granted"
	// EvidencePlacing: the call is with the callers, who ask the provider, or have.
	EvidencePlacing Evidence = "placing"
	// EvidenceAmbiguous: the provider was asked, and whether it dialled is being
	// settled.
	EvidenceAmbiguous Evidence = "ambiguous"
	// EvidencePlaced: the provider has the call.
	EvidencePlaced Evidence = "placed"
)
