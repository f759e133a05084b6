package polymarket.backfill.clickhouse;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** What people read of ClickHouse's errors; the messages are those of ClickHouse 25 and 26. */
class ClickHouseExceptionTest {
  @Test
  void aMissingColumnOrTable_isNamed_withWhatToDo() {
    assertEquals(
        "there is no column nope (DESCRIBE TABLE lists a table's columns) (UNKNOWN_IDENTIFIER)",
        ClickHouseException.plain(
            "Code: 47. DB::Exception: Unknown expression identifier `nope` in scope SELECT nope"
                + " FROM default.t. (UNKNOWN_IDENTIFIER) (version 26.7.2.1)"));
    assertEquals(
        "there is no column conditon_id; did you mean condition_id? (DESCRIBE TABLE lists a"
            + " table's columns) (UNKNOWN_IDENTIFIER)",
        ClickHouseException.plain(
            "Code: 47. DB::Exception: Unknown expression or function identifier `conditon_id` in"
                + " scope SELECT conditon_id FROM default.t. Maybe you meant: ['condition_id']."
                + " (UNKNOWN_IDENTIFIER) (version 25.3.2.39 (official build))"));
    for (String message :
        new String[] {
          "Code: 60. DB::Exception: Unknown table expression identifier 'default.t' in scope SELECT"
              + " 1 FROM default.t. (UNKNOWN_TABLE) (version 26.7.2.1)",
          "Code: 60. DB::Exception: Table default.t does not exist. (UNKNOWN_TABLE)"
        }) {
      assertEquals(
          "there is no table default.t (`backfill views` creates the tables of all jobs)"
              + " (UNKNOWN_TABLE)",
          ClickHouseException.plain(message));
    }
  }

  @Test
  void otherErrors_areShownWithoutCode_statementAndVersion() {
    assertEquals(
        "Syntax error: failed at position 1 (SELEC): not a statement (SYNTAX_ERROR)",
        ClickHouseException.plain(
            "Code: 62. DB::Exception: Syntax error: failed at position 1 (SELEC): not a statement"
                + " (SYNTAX_ERROR) (version 26.7.2.1)"));
    assertEquals(
        "reader: Not enough privileges. To execute this query, it's necessary to have the grant"
            + " INSERT(id) ON default.t. (ACCESS_DENIED)",
        ClickHouseException.plain(
            "Code: 497. DB::Exception: reader: Not enough privileges. To execute this query, it's"
                + " necessary to have the grant INSERT(id) ON default.t. (ACCESS_DENIED) (version"
                + " 25.3.2.39 (official build))"));
  }

  @Test
  void aConnectionThatBreaks_isClickHouseThatDoesNotAnswer() {
    assertEquals(
        "ClickHouse at http://127.0.0.1:1 does not answer: the target failed to respond",
        ClickHouseException.of(
                "ClickHouse at http://127.0.0.1:1",
                new com.clickhouse.client.api.DataTransferException(
                    "insert", new java.io.IOException("the target failed to respond")))
            .getMessage());
  }
}
