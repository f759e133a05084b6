package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The right answers, by Java and as one JSON object a line at /_sandbox/truth/…. */
public final class Truth {
    private final Universe universe;

    Truth(Universe universe) {
        this.universe = universe;
    }

    /** What the positions subgraph says of a condition id in any form; throws IllegalArgumentException for what is no id. */
    public Payout goldskyPayout(String conditionId) {
        return universe.goldskyPayout(id(conditionId));
    }

    /** The condition ids (0x and 64 digits) of all markets, in the order of their creation. */
    public List<String> conditionIds() {
        List<String> ids = new ArrayList<>(universe.size);
        for (int i = 0; i < universe.size; i++) {
            ids.add(universe.conditionId(i).toString());
        }
        return ids;
    }

    private static ConditionId id(String text) {
        ConditionId id = ConditionId.parseAnyForm(text);
        if (id == null) {
            throw new IllegalArgumentException("'" + text + "' is no condition id");
        }
        return id;
    }

    Answer answer(String name, Request request) throws IOException {
        switch (name) {
            case "payouts" -> {
                List<ConditionId> ids = ids(request);
                return Answer.lines(out -> {
                    if (ids != null) {
                        for (ConditionId id : ids) {
                            line(out, universe.goldskyPayout(id).json(id.hex()));
                        }
                        return;
                    }
                    for (int i = 0; i < universe.size; i++) {
                        ConditionId id = universe.conditionId(i);
                        line(out, universe.goldskyPayout(i, id).json(id.hex()));
                    }
                });
            }
            case "conditions" -> {
                return Answer.lines(out -> {
                    for (int i = 0; i < universe.size; i++) {
                        line(out, "{\"condition_id\":\"" + universe.conditionId(i).hex() + "\"}");
                    }
                });
            }
            default -> {
                return Answer.json(404, "{\"error\":" + Json.quoted("no truth named " + name) + "}");
            }
        }
    }

    private static void line(java.io.OutputStream out, String text) throws IOException {
        out.write((text + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** The distinct condition ids of a request's body: a JSON array, or one a line; null for an empty body. */
    private static List<ConditionId> ids(Request request) throws IOException {
        String text = request.text().strip();
        if (text.isEmpty()) {
            return null;
        }
        Set<ConditionId> ids = new LinkedHashSet<>();
        if (text.startsWith("[")) {
            for (JsonNode node : Json.read(text)) {
                ids.add(id(node.asText()));
            }
        } else {
            text.lines().filter(line -> !line.isBlank()).forEach(line -> ids.add(id(line)));
        }
        return new ArrayList<>(ids);
    }
}
