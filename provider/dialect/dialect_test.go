package dialect_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dialtone/campaign"
	"dialtone/provider"
	"dialtone/provider/dialect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNew(t *testing.T) {
	spec := provider.Spec{
		Name: "a", Dialect: "twilio", BaseURL: "http://127.0.0.1:9", Account: "AC1", Token: provider.NewSecret("t0ken"),
	}
	p, err := dialect.New(spec)
	require.NoError(t, err)
	require.Equal(t, "a", p.Name())

	spec.Dialect = "morse"
	p, err = dialect.New(spec)
	require.Nil(t, p)
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(err))
	require.ErrorContains(t, err, "take one of: twilio.")

	spec.Dialect, spec.Account = "twilio", "not an account"
	p, err = dialect.New(spec)
	require.True(t, p == nil, "a nil adapter must not hide in the interface")
	require.Error(t, err)
}

func TestCheck(t *testing.T) {
	good := provider.Spec{Name: "a", Dialect: "twilio", BaseURL: "http://x", Account: "AC1", Token: provider.NewSecret("t0ken")}
	require.NoError(t, dialect.Check(good))
	bad := good
	bad.Account, bad.Twiml = "../AC1", "{{name"
	var faults campaign.Errors
	require.ErrorAs(t, dialect.Check(bad), &faults)
	require.Len(t, faults, 2)
	bad.Dialect = "morse"
	require.Equal(t, campaign.CodeInvalid, campaign.CodeOf(dialect.Check(bad)))
}
