package rdstest

import (
	"maps"

	"github.com/rescuecue/rescue/funcs/aws/awstest"
)

// tagsOf finds the tags of a resource by its ARN.
func (s *Server) tagsOf(arn string) (map[string]string, error) {
	for _, i := range s.instances {
		if s.arn("db", i.ID) == arn {
			return i.Tags, nil
		}
	}
	for _, k := range s.clusters {
		if s.arn("cluster", k.ID) == arn {
			return k.Tags, nil
		}
	}
	for _, snap := range s.snapshots {
		if snap.arn == arn {
			return snap.tags, nil
		}
	}
	return nil, notFound("DBInstanceNotFound", "there is no %s", arn)
}

func (s *Server) addTags(c *awstest.Call) (any, error) {
	tags, err := s.tagsOf(c.Get("ResourceName"))
	if err == nil {
		maps.Copy(tags, c.Tags("Tags.Tag"))
	}
	return nil, err
}

func (s *Server) removeTags(c *awstest.Call) (any, error) {
	tags, err := s.tagsOf(c.Get("ResourceName"))
	if err == nil {
		for _, k := range c.List("TagKeys.member") {
			delete(tags, k)
		}
	}
	return nil, err
}
