package polymarket.backfill.polymarket;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.camel.Body;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.IdKind;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.source.Elements;
import polymarket.backfill.source.ListFilter;
import polymarket.backfill.source.SourceException;

/**
 * The bean {@code tokens} of routes whose source knows token ids: computes those of a batch's
 * conditions forward, and says of rows to which condition and outcome they belong.
 */
public final class BatchTokens {

  /** Which outcome of which condition a token is. */
  private record Outcome(String conditionId, int index) {}

  /** The token ids of a batch's conditions. */
  public static final class OfBatch implements ListFilter {

    private final Map<String, Outcome> outcomes = new LinkedHashMap<>();

    @Override
    public String getJson() {
      return outcomes.keySet().stream().collect(Collectors.joining("\",\"", "[\"", "\"]"));
    }
  }

  /**
   * Computes the token ids of all outcomes of a batch's conditions, with both collaterals. A
   * condition has two outcomes unless the table says more.
   *
   * @param table rows with the fields {@code id}; {@code outcomes}, how many there are; and {@code
   *     listed}, token ids with commas between them that no formula gives, in the order of the
   *     outcomes, or an empty text
   */
  public OfBatch of(
      @ExchangeProperty(BatchWork.PROPERTY) BatchWork batch,
      @Body List<Map<String, Object>> table) {
    Map<String, Integer> counts = new HashMap<>();
    OfBatch tokens = new OfBatch();
    for (Map<String, Object> row : table) {
      String id = String.valueOf(row.get("id"));
      counts.put(id, ((Number) row.get("outcomes")).intValue());
      String listed = String.valueOf(row.get("listed"));
      int index = 0;
      for (String token : listed.isEmpty() ? new String[0] : listed.split(",")) {
        tokens.outcomes.put(token, new Outcome(id, index++));
      }
    }
    for (String id : batch.getIds()) {
      for (TokenIds.OutcomeTokens outcome :
          TokenIds.tokenIds(id, Math.max(2, Math.min(256, counts.getOrDefault(id, 2))))) {
        tokens.outcomes.put(outcome.usdcTokenId(), new Outcome(id, outcome.outcomeIndex()));
        tokens.outcomes.put(outcome.wrappedTokenId(), new Outcome(id, outcome.outcomeIndex()));
      }
    }
    return tokens;
  }

  /**
   * Gives each row the fields {@code conditionId} and {@code outcomeIndex}. Rows whose token no
   * formula and no table gives are left as they are where they name their condition themselves.
   *
   * @param fields those that may hold a token of the batch, separated by commas; the first that
   *     does counts
   * @param condition the field with the condition id; empty where the token alone says it
   * @throws SourceException where a row belongs to no condition of the batch
   */
  public List<Map<String, Object>> annotated(
      @ExchangeProperty(ExchangeProperties.TOKENS) OfBatch tokens,
      @Body List<Map<String, Object>> rows,
      String fields,
      String condition)
      throws SourceException {
    for (Map<String, Object> row : rows) {
      if (Elements.isNoRow(row)) {
        continue;
      }
      Outcome outcome = null;
      for (String field : fields.split(",")) {
        outcome =
            outcome != null ? outcome : tokens.outcomes.get(String.valueOf(row.get(field.strip())));
      }
      if (outcome != null) {
        row.put("conditionId", outcome.conditionId());
        row.put("outcomeIndex", outcome.index());
      } else if (condition.isEmpty()) {
        throw new SourceException("the answer has a row with none of the requested tokens: " + row);
      } else {
        row.remove("outcomeIndex");
        row.put("conditionId", IdKind.CONDITION_ID.normalise(String.valueOf(row.get(condition))));
      }
    }
    return rows;
  }
}
