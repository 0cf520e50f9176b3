"""All read models, by name."""

from __future__ import annotations

from projections.read_models.articles import ARTICLES
from projections.read_models.behaviour_versions import BEHAVIOUR_VERSIONS
from projections.read_models.candidates import CANDIDATES
from projections.read_models.conversations import CONVERSATIONS
from projections.read_models.definition import ReadModel
from projections.read_models.escalations import ESCALATIONS
from projections.read_models.holds import HOLDS
from projections.read_models.model_calls import MODEL_CALLS
from projections.read_models.tool_calls import TOOL_CALLS
from projections.read_models.turns import TURNS
from projections.read_models.verdicts import VERDICTS

READ_MODELS: dict[str, ReadModel] = {
    model.name: model
    for model in (
        CONVERSATIONS,
        TURNS,
        CANDIDATES,
        VERDICTS,
        TOOL_CALLS,
        MODEL_CALLS,
        ESCALATIONS,
        HOLDS,
        ARTICLES,
        BEHAVIOUR_VERSIONS,
    )
}
