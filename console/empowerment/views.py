"""All views under /policies."""

from __future__ import annotations

from console.empowerment import policy_form_views as policy_form_views
from console.empowerment import policy_views as policy_views
from console.empowerment import suspension_views as suspension_views
from console.empowerment.blueprint import bp as bp
