"""What to do where tasks of a run failed, by the type of the error."""

from collections.abc import Mapping

#: As `docs/guides/prompts.md` lists them.
BY_TYPE: Mapping[str, str] = {
    "APITimeoutError": "The provider was too slow. Retry; if it stays so, lower the requests at "
    "once of the provider connection, or choose a faster model.",
    "APIConnectionError": "The provider could not be reached. Check the address in the provider "
    "connection and whether this server may reach it, then retry.",
    "RateLimitError": "The provider wants fewer requests. Lower the requests at once of the "
    "provider connection, or raise your limit there, then retry.",
    "AuthenticationError": "The provider refused the key. Store a valid one in the provider "
    "connection, then retry.",
    "PermissionDeniedError": "The key may not use this model. Choose another model, or a key that "
    "may, then retry.",
    "NotFoundError": "The provider does not know the model or the address. Correct the version's "
    "model or the connection, then retry.",
    "BadRequestError": "The provider refused the request. Read the message: often the text is too "
    "long for the model, or it does not know a request parameter of the connection.",
    "UnprocessableEntityError": "The provider refused the request. Read the message: often it does "
    "not know a request parameter of the connection.",
    "InternalServerError": "The provider failed. Retry later.",
    "InvalidResponse": "What answers does not speak OpenAI's chat protocol. Correct the address of "
    "the provider connection.",
    "EmptyAnswer": "The model said nothing, or refused. Word the prompt otherwise, or choose "
    "another model.",
    "AnswerTooLong": "The model said too much. Ask for a short answer in the prompt.",
    "InvalidAnswer": "The answer does not fit the labelling config. Name the choices and the form "
    "of the answer in the prompt, in a new version.",
    "InvalidTask": "The task lacks what the prompt names. Mend its data, or the prompt.",
    "NotStored": "The answer could not be stored. Retry.",
    "WorkerLost": "Workers ended on this task. Retry; if they end again, look at their log.",
    "InternalError": "Something went wrong here. The server's log says what; then retry.",
}


def of(error_type: str) -> str:
    """What to do about an error of the type; empty for one that an outside engine made up."""
    return BY_TYPE.get(error_type, "")
