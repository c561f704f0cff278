"""A model's reasoning, which is taken out of its text between tags before the answer is judged."""

from collections.abc import Iterable


def split_reasoning(text: str, tags: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """The answer, and what was taken out of the text.

    As lmms-eval 0.7.3 strips reasoning: every block of a pair of tags; where an opening tag is missing, since a chat
    template put it into the prompt, all up to the last closing one; nothing where a block does not end.

    Args:
        text: what the model generated.
        tags: opening and closing, such as `<think>` and `</think>`.
    """
    blocks: list[str] = []
    for opening, closing in tags:
        while opening in text and text.find(closing, text.find(opening)) >= 0:
            start = text.find(opening)
            end = text.find(closing, start) + len(closing)
            blocks.append(text[start:end])
            text = text[:start] + text[end:]
        if closing in text and opening not in text:
            end = text.rfind(closing) + len(closing)
            blocks.append(text[:end])
            text = text[end:]
    return text.strip(), "\n".join(blocks)
