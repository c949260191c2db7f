package scheduler_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dialtone/actors/scheduler"
)

// Two demands are the same only if nothing in them differs, whatever fields they have.
func TestDemandEqual(t *testing.T) {
	var d scheduler.Demand
	same := d
	require.True(t, d.Equal(&same))
	for i := range reflect.TypeFor[scheduler.Demand]().NumField() {
		other := d
		field := reflect.ValueOf(&other).Elem().Field(i)
		switch v := field.Addr().Interface().(type) {
		case *time.Time:
			*v = time.Unix(1, 0)
		case *scheduler.Mark:
			v.Seq = 1
		case *[]scheduler.RouteDemand:
			*v = []scheduler.RouteDemand{{Route: "a:1", Ready: 1}}
		case *string:
			*v = "x"
		case *bool:
			*v = true
		case *float64:
			*v = 1
		default:
			field.SetInt(1)
		}
		require.False(t, d.Equal(&other), reflect.TypeFor[scheduler.Demand]().Field(i).Name)
	}
}
