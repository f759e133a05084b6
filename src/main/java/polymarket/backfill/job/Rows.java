package polymarket.backfill.job;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.Outcome;
import polymarket.backfill.ledger.State;

/**
 * The bean {@code rows} of the job routes: sees whether an answer is whole, and follows its rows until they are read back
 * from the table. It knows no job from another: what differs stands in the job's route file and SQL file.
 */
public final class Rows {

    /** The header with the insert's deduplication token; without it there is nothing to insert. */
    public static final String TOKEN = "ClickHouseToken";

    private static final String PRESENT = "RowsPresent";
    private static final String SENT = "RowsSent";
    private static final ObjectMapper JSON = new ObjectMapper().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

    private final Map<String, Job> jobs;
    private final Map<String, SqlFile> sql = new HashMap<>();

    public Rows(Map<String, Job> jobs) {
        this.jobs = jobs;
        jobs.values().forEach(job -> sql.put(job.getName(), job.sql()));
    }

    /**
     * Compares an answer with what was asked for. An id that the source knows and has no rows for is unresolved. One that
     * is not in the answer goes into a further batch that asks for it once more; where it was asked for once more
     * already, it is absent - unless the answer may have been cut, which its number of rows tells.
     *
     * @param known the ids that the source knows, as it writes them
     * @param rows the rows that it sent
     * @throws SourceException where the answer holds what was not asked for
     */
    public void answered(@ExchangeProperty(Batch.PROPERTY) Batch batch, @ExchangeProperty("known") List<?> known,
            @Body List<Map<String, Object>> rows) throws SourceException {
        Job job = jobs.get(batch.getJob());
        Set<String> asked = new HashSet<>(batch.getIds());
        Set<String> seen = new HashSet<>();
        for (Object value : known) {
            String id = job.idKind().normalise(String.valueOf(value));
            if (id == null || !asked.contains(id)) {
                throw new SourceException(job.getSource() + " answered with " + job.idKind().label() + " " + value
                        + ", which was not asked for");
            }
            seen.add(id);
        }
        Set<String> withRows = new HashSet<>();
        for (Map<String, Object> row : rows) {
            withRows.add(id(job, row));
        }
        batch.forgetAnswer();
        boolean maybeCut = job.isPageSize(known.size()) && known.size() < batch.getSize();
        for (String id : batch.getIds()) {
            if (!seen.contains(id)) {
                if (batch.getKind() == Batch.Kind.REASK && !maybeCut) {
                    batch.outcomes().put(id, Outcome.of(State.ABSENT));
                } else {
                    batch.missing().add(id);
                }
            } else if (!withRows.contains(id)) {
                batch.outcomes().put(id, Outcome.of(State.UNRESOLVED));
            }
        }
    }

    private static String id(Job job, Map<String, Object> row) {
        return job.idKind().normalise(String.valueOf(row.get(job.getIdField())));
    }

    /** The SQL that finds the rows of a batch which the table has already. */
    public String presentQuery(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
        return sql.get(batch.getJob()).section("present").sql(values(batch));
    }

    private static Map<String, Object> values(Batch batch) {
        Map<String, Object> values = new HashMap<>();
        values.put("ids", batch.getIds());
        values.put("first", batch.getIds().get(0));
        values.put("last", batch.getIds().get(batch.getSize() - 1));
        values.put("batch", batch.getKey());
        values.put("redo", batch.isRedo());
        return values;
    }

    /** Leaves out the rows that the table has already, and counts them as duplicates. */
    public List<Map<String, Object>> leaveOutPresent(@ExchangeProperty(Batch.PROPERTY) Batch batch,
            @ExchangeProperty("rows") List<Map<String, Object>> rows, @Body List<Map<String, Object>> found, Exchange exchange) {
        Job job = jobs.get(batch.getJob());
        Map<String, Boolean> present = new HashMap<>();
        for (Map<String, Object> row : found) {
            present.put(String.valueOf(row.get("key")), ((Number) row.get("own")).intValue() == 1);
        }
        exchange.setProperty(PRESENT, present);
        return rows.stream().filter(row -> {
            boolean there = present.containsKey(id(job, row));
            if (there) {
                batch.outcomes().put(id(job, row), Outcome.found(1));
            }
            return !there;
        }).toList();
    }

    /**
     * Makes the rows ready for the insert: JSON lines with the batch and the time, and the token that names them.
     */
    public void json(Exchange exchange, @ExchangeProperty(Batch.PROPERTY) Batch batch,
            @ExchangeProperty("rows") List<Map<String, Object>> all, @Body List<Map<String, Object>> rows) throws JsonProcessingException {
        Job job = jobs.get(batch.getJob());
        exchange.getMessage().removeHeader(TOKEN);
        int came = batch.isCheck() && all != null ? all.size() : rows.size();
        Map<String, Map<String, Object>> once = new LinkedHashMap<>();
        rows.forEach(row -> once.put(id(job, row), row));
        batch.resetRows();
        batch.count(came, 0, came - once.size(), 0);
        exchange.setProperty(SENT, once.keySet());
        if (once.isEmpty() || batch.getKind() == Batch.Kind.PROBE) {
            return;
        }
        StringBuilder lines = new StringBuilder(once.size() * 200);
        MessageDigest digest = sha256();
        String tail = ",\"batch\":" + JSON.writeValueAsString(batch.getKey()) + ",\"fetched_at\":\""
                + Instant.now().toString().replaceFirst("(\\.\\d{3})\\d*Z$", "$1Z") + "\"}\n";
        for (Map<String, Object> row : once.values()) {
            String line = JSON.writeValueAsString(row);
            digest.update(line.getBytes(StandardCharsets.UTF_8));
            lines.append(line, 0, line.length() - 1).append(tail);
        }
        exchange.getMessage().setBody(lines.toString().getBytes(StandardCharsets.UTF_8));
        exchange.getMessage().setHeader(TOKEN, batch.getKey() + ":" + HexFormat.of().formatHex(digest.digest()));
        batch.enter(Batch.Step.INSERT);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The SQL that reads back what the tables hold of a batch. */
    public String storedQuery(@ExchangeProperty(Batch.PROPERTY) Batch batch) {
        batch.enter(Batch.Step.READ_BACK);
        return sql.get(batch.getJob()).section("stored").sql(values(batch));
    }

    /**
     * Takes what was read back as what became of each id.
     *
     * @throws ImbalanceException where rows that ClickHouse acknowledged are in no table, or more are there than were sent
     */
    public void stored(Exchange exchange, @ExchangeProperty(Batch.PROPERTY) Batch batch, @Body List<Map<String, Object>> tables)
            throws ImbalanceException {
        batch.enter(null);
        @SuppressWarnings("unchecked")
        Set<String> sent = exchange.getProperty(SENT, Set.class);
        @SuppressWarnings("unchecked")
        Map<String, Boolean> present = exchange.getProperty(PRESENT, Map.of(), Map.class);
        Map<String, long[]> held = new HashMap<>();
        Map<String, String> reasons = new HashMap<>();
        long inserted = 0;
        long rejected = 0;
        for (Map<String, Object> row : tables) {
            String id = String.valueOf(row.get("id"));
            if (Boolean.TRUE.equals(present.get(id))) {
                continue;
            }
            long rows = ((Number) row.get("rows")).longValue();
            long refused = ((Number) row.get("rejected")).longValue();
            long[] sums = held.computeIfAbsent(id, key -> new long[2]);
            sums[0] += rows;
            sums[1] += refused;
            inserted += rows;
            rejected += refused;
            if (refused > 0) {
                reasons.put(id, String.valueOf(row.get("reason")));
            }
        }
        if (inserted + rejected != sent.size()) {
            throw new ImbalanceException("batch " + batch + ": " + sent.size() + " rows were sent and acknowledged, but the"
                    + " tables hold " + inserted + " of it and " + rejected + " rejected ones");
        }
        List<String> lost = new ArrayList<>(sent);
        lost.removeAll(held.keySet());
        if (!lost.isEmpty()) {
            throw new ImbalanceException("batch " + batch + ": " + lost.size() + " ids were sent and are in no table, such as "
                    + lost.get(0));
        }
        batch.count(0, inserted, 0, rejected);
        held.forEach((id, sums) -> batch.outcomes().put(id, sums[0] > 0 ? Outcome.found(sums[0])
                : Outcome.failed(0, "rejected: " + reasons.get(id))));
    }
}
