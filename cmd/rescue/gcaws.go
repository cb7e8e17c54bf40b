package main

import (
	"context"
	"os"

	"github.com/rescuecue/rescue/compat"
	"github.com/rescuecue/rescue/funcs/aws/awsaccess"
	"github.com/rescuecue/rescue/funcs/leftovers"
	"github.com/rescuecue/rescue/funcs/rds"
)

// awsFinders opens AWS, in each region that was named, or else in the one that the
// profile or the surroundings name.
func (g *collection) awsFinders(ctx context.Context) ([]finder, error) {
	params := &compat.Params{}
	if g.profile != "" {
		p, err := profileOf(ctx, g.place.env, g.profile, nil, os.ReadFile)
		if err != nil {
			return nil, cannot(err)
		}
		params.Profile = p
	}
	regions := g.regions
	if len(regions) == 0 {
		regions = []string{""}
	}
	var finders []finder
	for _, region := range regions {
		account, err := awsaccess.Open(ctx, g.place.env.AWS, params, awsaccess.Wanted{Region: region, Session: "gc"})
		if err != nil {
			return nil, cannot(err)
		}
		finders = append(finders, leftovers.RDS{Client: rds.New(account, g.place.env.Log)})
	}
	return finders, nil
}
