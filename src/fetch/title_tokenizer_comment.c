/* What begins with "<!": comments, declarations, and in foreign content CDATA sections. */
#include "title_steps.h"

/* After "<!": a comment, in foreign content a CDATA section, or something that ends at ">". */
size_t title_step_declaration(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    if (byte == '-' && tokenizer->matched == 0) {
        tokenizer->matched = 1;
        return 1;
    }
    if (byte == '-') {
        tokenizer->step = STEP_COMMENT_START;
        tokenizer->matched = 0;
        return 1;
    }
    bool may_be_cdata = tokenizer->matched == 0 && title_tree_is_foreign(&tokenizer->tree);
    tokenizer->step = byte == '[' && may_be_cdata ? STEP_CDATA_OPEN : STEP_BOGUS_COMMENT;
    return 0;
}

size_t title_step_bogus_comment(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = index_of(rest, '>');
    if (at == rest.size)
        return at;
    tokenizer->step = STEP_MARKUP;
    return at + 1;
}

/* "<!-->" and "<!--->" are whole comments. `matched` counts dashes, here and in the next two. */
size_t title_step_comment_start(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (rest.data[0] == '>') {
        tokenizer->step = STEP_MARKUP;
        return 1;
    }
    if (rest.data[0] == '-' && tokenizer->matched == 0) {
        tokenizer->matched = 1;
        return 1;
    }
    tokenizer->step = STEP_COMMENT;
    return 0;
}

size_t title_step_comment(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    if (tokenizer->matched == 2 && (byte == '>' || byte == '!')) {
        tokenizer->step = byte == '>' ? STEP_MARKUP : STEP_COMMENT_BANG;
        return 1;
    }
    if (byte == '-') {
        tokenizer->matched = tokenizer->matched == 0 ? 1 : 2;
        return 1;
    }
    tokenizer->matched = 0;
    return index_of(rest, '-');
}

/* After "--!". */
size_t title_step_comment_bang(struct title_tokenizer *tokenizer, struct bytes rest) {
    tokenizer->step = rest.data[0] == '>' ? STEP_MARKUP : STEP_COMMENT;
    tokenizer->matched = 0;
    return rest.data[0] == '>' ? 1 : 0;
}

size_t title_step_cdata_open(struct title_tokenizer *tokenizer, struct bytes rest) {
    static const char opening[] = "[CDATA[";
    if (rest.data[0] != (uint8_t)opening[tokenizer->matched]) {
        tokenizer->step = STEP_BOGUS_COMMENT;
        return 0;
    }
    if (opening[++tokenizer->matched] == '\0') {
        tokenizer->step = STEP_CDATA;
        tokenizer->matched = 0;
    }
    return 1;
}

/* `matched` counts brackets. */
size_t title_step_cdata(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    if (byte == ']') {
        tokenizer->matched = tokenizer->matched == 0 ? 1 : 2;
        return 1;
    }
    if (byte == '>' && tokenizer->matched == 2) {
        tokenizer->step = STEP_MARKUP;
        return 1;
    }
    tokenizer->matched = 0;
    return index_of(rest, ']');
}
